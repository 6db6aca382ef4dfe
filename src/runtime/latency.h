#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace leat::runtime {

/// How long the last thousand of something took. Any thread.
class Latency {
 public:
  static constexpr std::size_t kept = 1024;

  void add(std::chrono::steady_clock::duration duration);
  /// Milliseconds, at a quantile between 0 and 1; 0 when there was none yet.
  double quantile_ms(double quantile) const;

  /// Adds the time from its making to its end.
  class Stopwatch {
   public:
    explicit Stopwatch(Latency& latency)
        : latency_(latency), start_(std::chrono::steady_clock::now()) {}
    ~Stopwatch() { latency_.add(std::chrono::steady_clock::now() - start_); }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

   private:
    Latency& latency_;
    const std::chrono::steady_clock::time_point start_;
  };

 private:
  mutable std::mutex mutex_;
  std::array<float, kept> milliseconds_{};
  std::uint64_t count_ = 0;
};

}  // namespace leat::runtime
