#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "runtime/assembly.h"
#include "runtime/pipeline_change.h"

namespace leat::runtime {

/// A part of a pipeline that runs over what another engine has read already, in a data directory of
/// its own: how views that are new or changed get to where the others stand. What it has committed
/// outlives a crash, and the next run of the same part goes on from there.
class CatchUp {
 public:
  struct Setup {
    pipeline::Graph graph;  ///< the part: see part_to_compute
    const Connectors& connectors;
    Options options;                            ///< of the engine that it is for
    log::Topics& topics;                        ///< of that engine
    std::map<std::string, Offset> ends;         ///< by input: where it has read to
    std::function<void(double)> progress = {};  ///< told how much of it is done, 0 … 1
  };

  /// Where it is kept in an engine's data directory.
  static std::string directory_in(const std::string& data_directory);
  /// Forgets what an earlier run left.
  static Status remove(const std::string& data_directory);

  /// An earlier run of this part has left something.
  static Result<bool> is_begun(const Setup& setup);

  /// Reads everything before the ends, from `options.replay`'s beginning where that is given. The
  /// outcome is at rest, and all of it is committed. Errors: `records-gone` (user) when an input is
  /// not there any more, `stopping` (transient) when `options.stop` asked for that, those of the
  /// sources.
  static Result<std::unique_ptr<Assembly>> run(const Setup& setup);

 private:
  static Result<std::unique_ptr<Assembly>> open(const Setup& setup);
};

/// What has to run so that everything that `change` says is computed can be: that, and all that it
/// stands on. Of its sinks those that commit with the epoch.
pipeline::Graph part_to_compute(const pipeline::Graph& graph, const Definitions& definitions,
                                const PipelineChange& change, const Connectors& connectors);

/// Where rows are kept nowhere (those of a stream) a sink in another system gets them while they
/// are read. So where such a stream or view is computed, all is computed anew in the open.
bool needs_all_anew(const pipeline::Graph& graph, const PipelineChange& change,
                    const Connectors& connectors);

}  // namespace leat::runtime
