#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/check.h"
#include "runtime/engine.h"
#include "server/pipeline_changer.h"
#include "server/server.h"

namespace leat::app {

/// What `leat run` does once it knows its pipeline: runs the engine and the server over it, and
/// puts another pipeline in their place when one is applied. What is new or changed in that one is
/// computed beside what runs; then both end, and begin again with it, while clients that connect
/// wait at the listening socket. Where the other one can't begin, the old one goes on.
class PipelineHost final : public server::PipelineChanger {
 public:
  struct Setup {
    runtime::Options engine;
    server::ServerOptions server;
    bool quiet = false;
    std::stop_token stop;
  };
  struct Pipeline {
    pipeline::Graph graph;
    std::vector<pipeline::SourceText> texts;
  };

  explicit PipelineHost(Setup setup);
  ~PipelineHost() override;

  /// Serves until the pipeline ends, the engine fails, or `stop` is asked for. Once.
  Status run(Pipeline pipeline);

  Result<Begun> apply(std::vector<pipeline::SourceText> files, bool rebuild) override;
  Result<Begun> replay(const runtime::Replay& replay, bool rebuild) override;
  Progress progress() const override;

 private:
  /// Another pipeline on its way to take over.
  struct Change {
    Pipeline next;
    std::optional<runtime::Replay> replay;
    bool rebuild = false;
    bool ready = false;  ///< to be swapped in
  };

  Result<std::unique_ptr<runtime::Engine>> open(const Change& change) const;
  Status serve();
  Status serve_once();
  Status swap();
  Result<Begun> begin(Change change);
  void prepare(const std::stop_token& stop);
  void settle_change(const Status& outcome);
  void end_change();

  const Setup setup_;
  Pipeline pipeline_;  // that runs; changed by run's thread while no server does
  std::unique_ptr<runtime::Engine> engine_;
  int listener_ = -1;

  mutable std::mutex mutex_;
  std::optional<Change> change_;
  Progress progress_;
  bool changeable_ = false;  // the engine runs
  std::stop_source turn_;    // ends serving with this pipeline
  std::jthread preparer_;
};

}  // namespace leat::app
