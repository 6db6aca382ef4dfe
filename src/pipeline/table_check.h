#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `tables:`, and adds it to the graph and to the scope's tables if it has no
/// fault.
void check_table(Scope& scope, const Declaration& declaration);

}  // namespace leat::pipeline
