#pragma once

#include <atomic>
#include <cstdint>

namespace leat::op {

/// Bytes of hot rows that all views of an engine may hold together: what some leave, others use.
/// Thread-safe.
class MemoryBudget {
 public:
  /// `views`: that share it.
  MemoryBudget(std::uint64_t bytes_max, std::uint64_t views)
      : bytes_max_(bytes_max), views_(views) {}

  std::uint64_t bytes_max() const { return bytes_max_; }
  void set_bytes_max(std::uint64_t bytes) { bytes_max_ = bytes; }
  /// What a view may hold in any case.
  std::uint64_t share() const { return bytes_max_ / views_; }
  /// As far as the views have said: bytes of rows, and of the memory that they lie in, which keeps
  /// the places of rows that left for others.
  std::uint64_t used() const { return used_; }
  std::uint64_t held() const { return held_; }
  struct Bytes {
    std::uint64_t used = 0, held = 0;
  };
  void change(Bytes before, Bytes now) {
    used_ += now.used - before.used;
    held_ += now.held - before.held;
  }

 private:
  std::atomic<std::uint64_t> bytes_max_;
  const std::uint64_t views_;
  std::atomic<std::uint64_t> used_ = 0, held_ = 0;
};

}  // namespace leat::op
