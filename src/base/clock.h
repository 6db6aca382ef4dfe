#pragma once

#include <chrono>
#include <cstdint>

namespace leat {

/// Milliseconds since 1970-01-01T00:00:00Z, as Kafka's record timestamps are.
using TimestampMs = std::int64_t;

/// Where time comes from, so that tests can move it. Safe to use from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimestampMs now_ms() const = 0;                            ///< wall clock, may jump
  virtual std::chrono::steady_clock::time_point steady() const = 0;  ///< never goes back
};

/// The machine's own clock.
const Clock& system_clock();

}  // namespace leat
