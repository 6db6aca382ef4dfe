#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/context.h"

namespace leat::connector {

/// Whether the path holds `*`, `?` or `[`.
bool is_glob(std::string_view path);

/// The files that match a pattern, sorted; as the pattern writes them, so relative ones stay
/// relative. `*`, `?` and `[…]` stand for parts of one name and never for a leading dot. Folders
/// that are missing hold nothing.
Result<std::vector<std::string>> expand_glob(const std::string& pattern, const Context& context);

}  // namespace leat::connector
