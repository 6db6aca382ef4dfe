#pragma once

#include <string>

#include "pipeline/graph.h"

namespace leat::runtime {

/// A hash (SHA-256, hex) of everything that decides what streams and views hold: two graphs with
/// the same one compute the same from the same topics. Panels, sinks and sources don't count.
std::string definition_of(const pipeline::Graph& graph);

}  // namespace leat::runtime
