#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/check.h"
#include "runtime/pipeline_plan.h"
#include "runtime/replay.h"

namespace leat::server {

/// Puts another pipeline in the place of the one that the server runs. The program's, which owns
/// engine and server. Thread-safe.
class PipelineChanger {
 public:
  virtual ~PipelineChanger() = default;

  struct Begun {
    runtime::PipelinePlan plan;
    std::optional<unsigned> number;  ///< of the change; nothing: there is nothing to do
  };
  struct Progress {
    unsigned number = 0;  ///< of the newest change; 0: there was none
    std::string state;    ///< "none", "computing", "swapping", "done" or "failed"
    double computed = 0;  ///< 0 … 1, while computing
    std::optional<Error> failure;
  };

  /// Goes over to these files. Errors: `pipeline-invalid` (their faults, each a line),
  /// `pipeline-changed` (needs `rebuild`), `change-under-way` (user).
  virtual Result<Begun> apply(std::vector<pipeline::SourceText> files, bool rebuild) = 0;
  /// Computes a view anew. Errors: `unknown-name`, `pipeline-changed`, `change-under-way`,
  /// `not-replayable` (user).
  virtual Result<Begun> replay(const runtime::Replay& replay, bool rebuild) = 0;
  virtual Progress progress() const = 0;
};

}  // namespace leat::server
