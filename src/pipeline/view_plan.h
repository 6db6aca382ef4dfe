#pragma once

#include <string>

#include "pipeline/graph.h"

namespace leat::pipeline {

/// `leat explain`: a view in one line of the tree of all, and all that is known of it.
std::string line_of(const ViewNode& view);
std::string plan_of(const Graph& graph, const ViewNode& view);

}  // namespace leat::pipeline
