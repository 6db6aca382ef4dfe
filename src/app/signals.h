#pragma once

#include <stop_token>
#include <thread>

namespace leat::app {

/// Turns SIGINT and SIGTERM into a stop request for as long as it lives. One at a time; made before
/// other threads are started, so that none of them takes the signals.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;
};

/// Blocks the signals in this thread and all that it starts from now on; called before any thread
/// is started.
void block_stop_signals();

}  // namespace leat::app
