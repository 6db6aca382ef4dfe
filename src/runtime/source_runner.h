#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "runtime/assembly.h"

namespace leat::runtime {

/// Runs what fills topics: every live source on a thread of its own, and replayable sources that
/// are to be copied.
class SourceRunner {
 public:
  /// `on_all_ended` is called once, when no source will fill a topic any more (at once, when there
  /// is none).
  SourceRunner(Assembly& assembly, std::function<void()> on_all_ended);
  ~SourceRunner() { stop(); }

  void start();
  /// Asks all to stop and waits until they have.
  void stop();
  /// Sources wait while the disk has no room. Any thread.
  void set_paused(bool paused);

 private:
  void run_live(std::stop_token stop, SourceSlot& source);
  void run_copy(std::stop_token stop, SourceSlot& source);
  void one_ended();

  Assembly& assembly_;
  const std::function<void()> on_all_ended_;
  std::atomic<std::size_t> running_{0};
  std::atomic<bool> paused_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace leat::runtime
