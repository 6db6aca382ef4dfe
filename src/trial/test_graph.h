#pragma once

#include <set>
#include <string>

#include "pipeline/graph.h"
#include "runtime/connectors.h"

namespace leat::trial {

/// What a test runs.
struct TestGraph {
  pipeline::Graph graph;
  std::set<std::string> csv;     ///< topics whose records are CSV
  std::set<std::string> headed;  ///< those of them whose texts begin with column names
};

/// The part of a pipeline that a test runs: the streams and views that it touches, over topics of
/// the embedded log. There are no sources and no sinks, and what is read from another system in
/// production is given by the test. A stream that is given rows reads them from a topic of its own.
TestGraph graph_of_test(const pipeline::Graph& whole, const pipeline::TestNode& test,
                        const runtime::Connectors& connectors);

/// The topic that holds the rows which a stream is given.
std::string topic_of_rows(const std::string& stream);

}  // namespace leat::trial
