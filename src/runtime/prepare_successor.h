#pragma once

#include "runtime/assembly.h"
#include "runtime/committed_pipeline.h"

namespace leat::runtime {

/// Engine::prepare, of the engine that `running` is of; any thread, one at a time. `now` is what
/// that engine has read.
Status prepare_successor(const Assembly& running, const Engine::Successor& successor,
                         const CommittedPipeline& now);

}  // namespace leat::runtime
