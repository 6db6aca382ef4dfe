#pragma once

#include <cstdint>
#include <span>

#include "state/keyed_shard.h"
#include "state/timeline.h"

namespace leat::op {

/// Keeps one shard of a view, that is the shards of its tables, under its share of the memory.
class EvictionPolicy {
 public:
  EvictionPolicy(const state::Timeline& timeline, std::uint64_t bytes_max)
      : timeline_(timeline), bytes_max_(bytes_max) {}

  /// Called between epochs. Only a commit makes more rows clean, so it is tried once a commit.
  void apply(std::span<state::KeyedShard* const> shards) {
    std::uint64_t used = 0;
    for (const state::KeyedShard* shard : shards) used += shard->used_bytes();
    if (used <= bytes_max_) return;
    const Epoch committed = timeline_.oldest_committed();
    if (committed == tried_at_) return;
    tried_at_ = committed;
    // An eighth more than needed, so that not every epoch has to.
    const std::uint64_t excess = used - bytes_max_ + bytes_max_ / 8;
    for (state::KeyedShard* shard : shards) {
      const auto share = static_cast<double>(shard->used_bytes()) / static_cast<double>(used);
      shard->evict(static_cast<std::uint64_t>(share * static_cast<double>(excess)));
    }
  }

 private:
  const state::Timeline& timeline_;
  const std::uint64_t bytes_max_;
  Epoch tried_at_;
};

}  // namespace leat::op
