#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/committed_pipeline.h"
#include "runtime/connectors.h"
#include "runtime/pipeline_change.h"

namespace leat::runtime {

/// What changed files would do to a pipeline, as people are told it.
struct PipelinePlan {
  /// What a topic's records amount to that would be read again.
  struct ReadAgain {
    std::uint64_t amount = 0;
    bool bytes = false;  ///< not records: of files
  };

  std::map<std::string, NodeChange> nodes;                  ///< by "KIND/NAME"
  std::map<std::string, std::vector<std::string>> reasons;  ///< in words, of each node
  std::map<std::string, ReadAgain> topics;                  ///< by name
  std::vector<std::string> hindrances;                      ///< why it needs --rebuild

  bool changes() const;
};

/// `replayed`: a view that is computed anew all the same; empty: none.
PipelinePlan plan_for(const CommittedPipeline& before, const pipeline::Graph& graph,
                      const Connectors& connectors, const std::string& replayed = "");

}  // namespace leat::runtime
