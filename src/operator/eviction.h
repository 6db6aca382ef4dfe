#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "operator/view.h"
#include "state/keyed_shard.h"

namespace leat::op {

/// Keeps one shard of a view, that is the shards of its tables, under its share of the memory, or
/// with a budget, all views together under that: then rows leave the views that have more than
/// their share, and only as many as are too many.
class EvictionPolicy {
 public:
  explicit EvictionPolicy(const Resources& resources) : resources_(resources) {}

  /// Called between epochs. Only a commit makes more rows clean, so it is tried once a commit.
  void apply(std::span<state::KeyedShard* const> shards) {
    MemoryBudget::Bytes bytes;
    for (const state::KeyedShard* shard : shards) {
      bytes.used += shard->used_bytes();
      bytes.held += shard->held_bytes();
    }
    const std::uint64_t used = bytes.used;
    const std::uint64_t excess = excess_of(bytes);
    if (excess == 0) return;
    const Epoch committed = resources_.timeline.oldest_committed();
    if (committed == tried_at_) return;
    tried_at_ = committed;
    for (state::KeyedShard* shard : shards) {
      const auto part = static_cast<double>(shard->used_bytes()) / static_cast<double>(used);
      shard->evict(static_cast<std::uint64_t>(part * static_cast<double>(excess)));
    }
  }

 private:
  /// An eighth more than needed, so that not every epoch has to.
  std::uint64_t excess_of(MemoryBudget::Bytes bytes) {
    const std::uint64_t used = bytes.used;
    const std::uint64_t share = resources_.bytes_max_a_shard();
    const std::uint64_t above_share = used > share ? used - share + share / 8 : 0;
    if (resources_.budget == nullptr) return above_share;
    resources_.budget->change(said_, bytes);
    said_ = bytes;
    const std::uint64_t all = resources_.budget->used();
    const std::uint64_t bytes_max = resources_.budget->bytes_max();
    if (all <= bytes_max || above_share == 0) return 0;
    const std::uint64_t above_budget = all - bytes_max + bytes_max / 8;
    const auto part = static_cast<double>(used) / static_cast<double>(all);
    const double fair = part * static_cast<double>(above_budget);
    return std::min(above_share, std::max<std::uint64_t>(1, static_cast<std::uint64_t>(fair)));
  }

  const Resources resources_;
  MemoryBudget::Bytes said_;  // to the budget
  Epoch tried_at_;
};

}  // namespace leat::op
