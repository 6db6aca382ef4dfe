#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "runtime/latency.h"

namespace leat::runtime {

/// How a sink in another system is doing. Any thread.
class SinkStatus {
 public:
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> batches{0};
  std::atomic<std::uint64_t> failures{0};  ///< tries that failed
  std::atomic<std::uint64_t> refused{0};   ///< rows that went to the dead letters
  std::atomic<std::uint64_t> missed{0};    ///< records that retention took away before
  std::atomic<std::uint64_t> lag{0};       ///< rows that wait to be written
  Latency batch_time;

  void set(std::string state, std::string error) {
    std::lock_guard lock(mutex_);
    state_ = std::move(state);
    last_error_ = std::move(error);
  }
  /// "starting", "writing", "waiting", "retrying", "failed", "ended".
  std::string state() const {
    std::lock_guard lock(mutex_);
    return state_;
  }
  /// The last failure in words, empty after a success.
  std::string last_error() const {
    std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  mutable std::mutex mutex_;
  std::string state_ = "starting";
  std::string last_error_;
};

}  // namespace leat::runtime
