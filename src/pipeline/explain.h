#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/graph.h"

namespace leat::pipeline {

/// The whole graph as a tree, each source and topic with what is made of it.
std::string explain(const Graph& graph);

/// One node with its plan: columns, the SQL that runs, keys, aggregates, windows, how long state is
/// kept. Secrets are masked. Error `unknown-name` (user), with the nearest name.
Result<std::string> explain(const Graph& graph, std::string_view name);

}  // namespace leat::pipeline
