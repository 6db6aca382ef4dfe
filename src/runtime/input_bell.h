#pragma once

#include <functional>
#include <mutex>

namespace leat::runtime {

/// Readers ring it when they may have something to read, and whoever waits for input hears it.
/// Any thread.
class InputBell {
 public:
  /// `wake` is called from the ringing thread; nothing: nobody listens. Once this returns, the
  /// earlier one is not called any more.
  void on_ring(std::function<void()> wake) {
    std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  void ring() {
    std::lock_guard lock(mutex_);
    if (wake_) wake_();
  }

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
};

}  // namespace leat::runtime
