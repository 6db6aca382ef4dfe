#pragma once

#include <map>
#include <string>
#include <vector>

#include "log/topics.h"
#include "runtime/committed_pipeline.h"
#include "runtime/connectors.h"
#include "runtime/pipeline_change.h"
#include "runtime/replay.h"

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

PipelinePlan plan_for(const CommittedPipeline& before, const pipeline::Graph& graph,
                      const Connectors& connectors);

/// The plan of a replay: the view is computed anew, and of topics in the log what comes before its
/// beginning is not read. Errors: those of reading the log.
Result<PipelinePlan> plan_for(const CommittedPipeline& before, const pipeline::Graph& graph,
                              const Connectors& connectors, const Replay& replay,
                              log::Topics& topics);

}  // namespace leat::runtime
