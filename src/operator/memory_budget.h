#pragma once

#include <atomic>
#include <cstdint>

namespace leat::op {

/// Bytes of hot rows that all views of an engine may hold together: what some leave, others use.
/// Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  std::uint64_t bytes_max() const { return bytes_max_; }
  /// As far as the views have said.
  std::uint64_t used() const { return used_; }
  void change(std::uint64_t before, std::uint64_t now) { used_ += now - before; }

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_ = 0;
};

}  // namespace leat::op
