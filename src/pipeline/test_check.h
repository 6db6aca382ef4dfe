#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "pipeline/scope.h"

namespace leat::pipeline {

/// What each stream and view reads; all names folded.
using ReadsByName = std::map<std::string, std::vector<std::string>>;

/// Checks the entries of `tests:` and adds them to the graph. After all streams and views.
void check_tests(Scope& scope, std::span<const Declaration> declarations, const ReadsByName& reads);

}  // namespace leat::pipeline
