#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "runtime/definition.h"
#include "runtime/engine.h"

namespace leat::runtime {

/// What the last commit in a data directory says of the pipeline that made it.
struct CommittedPipeline {
  Definitions definitions;  ///< none where an older Leat made it
  struct Read {
    Offset first;     ///< where records begin
    Offset position;  ///< where reading goes on
  };
  std::map<std::string, Read> inputs;  ///< by InputPartition::id
};

/// Reads it and changes nothing; a server may run on the directory. Errors: `no-store` (user),
/// those of the store.
Result<CommittedPipeline> committed_pipeline(const std::string& data_directory);

/// The same of an engine that runs, as of now.
CommittedPipeline committed_pipeline(const Engine& engine);

}  // namespace leat::runtime
