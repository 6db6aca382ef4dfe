#pragma once

#include <atomic>

#include "base/clock.h"

namespace leat::trial {

/// A clock that stands still until it is moved. Any thread may ask it.
class StandingClock final : public Clock {
 public:
  explicit StandingClock(TimestampMs begin) : now_ms_(begin), begin_ms_(begin) {}

  void advance(std::int64_t ms) { now_ms_ += ms; }

  TimestampMs now_ms() const override { return now_ms_; }
  std::chrono::steady_clock::time_point steady() const override {
    // A day from the beginning of all time, which elsewhere means "never yet".
    return std::chrono::steady_clock::time_point(std::chrono::hours(24) +
                                                 std::chrono::milliseconds(now_ms_ - begin_ms_));
  }

 private:
  std::atomic<TimestampMs> now_ms_;
  const TimestampMs begin_ms_;
};

}  // namespace leat::trial
