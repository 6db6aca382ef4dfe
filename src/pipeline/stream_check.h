#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `streams:` whose inputs have been checked, and adds it to the graph and the
/// catalog if it has no fault.
void check_stream(Scope& scope, const Declaration& declaration);

}  // namespace leat::pipeline
