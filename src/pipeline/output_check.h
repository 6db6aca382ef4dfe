#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `sinks:` and adds it to the graph.
void check_sink(Scope& scope, const Declaration& declaration);
/// Checks an entry of `dashboard:` and adds it to the graph.
void check_panel(Scope& scope, const Declaration& declaration);
/// Reports sinks that write to one place.
void check_sink_targets(Scope& scope);

}  // namespace leat::pipeline
