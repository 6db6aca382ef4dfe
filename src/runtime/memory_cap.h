#pragma once

#include <cstdint>
#include <functional>

#include "operator/memory_budget.h"

namespace leat::runtime {

/// Keeps the whole process under a limit. What it holds besides the views' hot rows (buffers,
/// programs at work, code) is measured and not planned: rows may have what that leaves. Used by the
/// epochs' thread.
class MemoryCap {
 public:
  /// Hot rows may have so much in any case: without any, each epoch would read them all.
  static constexpr std::uint64_t rows_min = 16u << 20;

  struct Setup {
    std::uint64_t bytes_max;
    std::function<std::uint64_t()> resident;
    std::function<void()> give_back;  ///< freed memory that the allocator still holds
  };
  explicit MemoryCap(Setup setup) : setup_(std::move(setup)) {}

  /// For views that are still empty: half of what there is room for, until adjust() knows better.
  std::uint64_t rows_at_first() const;
  /// After each commit, which makes rows free to leave memory. Up to nine tenths of the limit rows
  /// may become more; above that they stay as many as they are, and above the limit they leave.
  void adjust(op::MemoryBudget& rows);

  std::uint64_t bytes_max() const { return setup_.bytes_max; }
  /// Whether the process holds all that it should, or more.
  bool is_full() const { return setup_.resident() > full(); }

  /// What others may have of it, bytes: the store's cache and buffers, changes that are kept for
  /// subscribers, and one commit, whose rows lie in memory twice.
  std::uint64_t block_cache_max() const;
  std::uint64_t write_buffer_max() const;
  std::uint64_t changes_max() const { return setup_.bytes_max / 16; }
  std::uint64_t commit_max() const { return setup_.bytes_max / 20; }

 private:
  std::uint64_t full() const { return setup_.bytes_max / 10 * 9; }

  const Setup setup_;
  bool warned_ = false;
};

}  // namespace leat::runtime
