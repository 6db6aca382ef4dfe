#include "app/signals.h"

#include <csignal>
#include <ctime>

#include <pthread.h>
#include <unistd.h>

namespace leat::app {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

/// How soon the watcher sees that it is no longer needed.
constexpr timespec look_every{0, 50'000'000};

}  // namespace

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

StopSignal::StopSignal() {
  watcher_ = std::jthread([this](std::stop_token ended) {
    const sigset_t signals = stop_signals();
    while (!ended.stop_requested()) {
      if (sigtimedwait(&signals, nullptr, &look_every) < 0) continue;
      // A second signal is for those who can't wait.
      if (!source_.request_stop()) ::_exit(130);
    }
  });
}

StopSignal::~StopSignal() = default;

}  // namespace leat::app
