#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `views:` whose inputs have been checked, and adds it to the graph and the
/// catalog if it has no fault.
void check_view(Scope& scope, const Declaration& declaration);

}  // namespace leat::pipeline
