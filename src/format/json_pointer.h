#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::format {

/// The tokens of an RFC 6901 JSON pointer, unescaped; "" has none. Error `json-pointer` (user).
Result<std::vector<std::string>> parse_json_pointer(std::string_view pointer);

/// The array index that a token stands for, where it is one.
std::optional<std::size_t> array_index(std::string_view token);

}  // namespace leat::format
