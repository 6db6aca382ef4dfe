#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks the `log:` of a file and puts it into the graph. A server has one: that of a second file
/// must say the same as `first`, which is null for the first.
void check_log(Scope& scope, const Node& value, const Node* first);

}  // namespace leat::pipeline
