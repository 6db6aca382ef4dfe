#pragma once

#include <chrono>
#include <mutex>

#include "runtime/assembly.h"
#include "runtime/epoch_loop.h"
#include "runtime/status.h"

namespace leat::runtime {

/// Everything but rate, readiness and failure. Any thread.
EngineStatus status_of(const Assembly& assembly, const EpochLoop& loop);

/// Records per second, measured between calls that are at least half a second apart.
class Rate {
 public:
  void measure(std::uint64_t records, double& per_second, double& uptime_seconds);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  std::mutex mutex_;
  const Moment start_ = std::chrono::steady_clock::now();
  Moment last_ = start_;
  std::uint64_t last_records_ = 0;
  double per_second_ = 0;
};

}  // namespace leat::runtime
