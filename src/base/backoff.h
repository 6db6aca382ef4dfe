#pragma once

#include <cstdint>
#include <random>

namespace leat {

/// Waits between tries: doubled each time up to a maximum, each shortened by chance by up to a
/// half, so that clients that failed together do not come back together.
class Backoff {
 public:
  Backoff(std::int64_t first_ms, std::int64_t max_ms)
      : first_ms_(first_ms), max_ms_(max_ms), random_(std::random_device()()) {}

  /// Before retry number `retry`, from 0.
  std::int64_t wait_ms(unsigned retry);

 private:
  std::int64_t first_ms_;
  std::int64_t max_ms_;
  std::minstd_rand random_;
};

}  // namespace leat
