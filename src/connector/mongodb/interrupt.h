#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>

namespace leat::connector::mongodb {

/// What ends the waiting of a call into libmongoc before its time: somebody asks for `stop`, or the
/// call as a whole has taken too long. Streams hold a pointer to it and look at it many times a
/// second. Used by one thread.
class Interrupt {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  void begin(std::stop_token stop, std::int64_t timeout_ms) {
    stop_ = std::move(stop);
    timeout_ms_ = timeout_ms;
    deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  /// Nothing is waited for until the next `begin`: what is closed in between says no long farewell.
  void end() {
    stop_ = {};
    deadline_ = {};
  }

  bool stopped() const { return stop_.stop_requested(); }
  bool expired() const { return std::chrono::steady_clock::now() >= deadline_; }
  bool is_up() const { return stopped() || expired(); }
  const std::stop_token& stop() const { return stop_; }
  Instant deadline() const { return deadline_; }
  std::int64_t timeout_ms() const { return timeout_ms_; }

  /// Milliseconds to wait for at most before looking again, when what is waited for ends at `until`
  /// at the latest.
  int slice_ms(Instant until) const {
    constexpr std::int64_t look_every_ms = 100;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(until, deadline_) - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, look_every_ms));
  }

 private:
  std::stop_token stop_;
  Instant deadline_;
  std::int64_t timeout_ms_ = 0;
};

}  // namespace leat::connector::mongodb
