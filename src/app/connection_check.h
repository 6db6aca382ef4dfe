#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "pipeline/graph.h"

namespace leat::app {

/// What trying one system of a pipeline came to.
struct Connection {
  std::string name;           ///< of the sink or source; "topics" of the log
  std::string connector;      ///< "kafka", "postgresql" …
  std::string role;           ///< "sink", "source" or "log"
  Result<std::string> found;  ///< what was found; an Error says what is missing and how to make it
};

/// Tries every other system that the graph's log, sinks and sources speak to, one after the other,
/// and changes nothing there. Each try is bounded. What is read or written on our own disk is left
/// out, and so are HTTP APIs, which a try would ask for records.
std::vector<Connection> try_connections(const pipeline::Graph& graph,
                                        const connector::Context& context);

}  // namespace leat::app
