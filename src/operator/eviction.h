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
  explicit EvictionPolicy(const Resources& resources)
      : timeline_(resources.timeline),
        budget_(resources.budget),
        share_(resources.bytes_max_a_shard()) {}

  /// Called between epochs. Only a commit makes more rows clean, so it is tried once a commit.
  void apply(std::span<state::KeyedShard* const> shards) {
    std::uint64_t used = 0;
    for (const state::KeyedShard* shard : shards) used += shard->used_bytes();
    const std::uint64_t excess = excess_of(used);
    if (excess == 0) return;
    const Epoch committed = timeline_.oldest_committed();
    if (committed == tried_at_) return;
    tried_at_ = committed;
    for (state::KeyedShard* shard : shards) {
      const auto part = static_cast<double>(shard->used_bytes()) / static_cast<double>(used);
      shard->evict(static_cast<std::uint64_t>(part * static_cast<double>(excess)));
    }
  }

 private:
  /// An eighth more than needed, so that not every epoch has to.
  std::uint64_t excess_of(std::uint64_t used) {
    const std::uint64_t above_share = used > share_ ? used - share_ + share_ / 8 : 0;
    if (budget_ == nullptr) return above_share;
    budget_->change(said_, used);
    said_ = used;
    const std::uint64_t all = budget_->used();
    if (all <= budget_->bytes_max() || above_share == 0) return 0;
    const std::uint64_t above_budget = all - budget_->bytes_max() + budget_->bytes_max() / 8;
    const auto part = static_cast<double>(used) / static_cast<double>(all);
    const double fair = part * static_cast<double>(above_budget);
    return std::min(above_share, std::max<std::uint64_t>(1, static_cast<std::uint64_t>(fair)));
  }

  const state::Timeline& timeline_;
  MemoryBudget* const budget_;
  const std::uint64_t share_;
  std::uint64_t said_ = 0;  // to the budget
  Epoch tried_at_;
};

}  // namespace leat::op
