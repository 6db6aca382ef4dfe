#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "operator/definition.h"
#include "operator/eviction.h"
#include "operator/operator.h"
#include "operator/window_clock.h"
#include "state/keyed_table.h"

namespace leat::op {

/// Finds the groups of a view that nothing has touched for their time to live, without looking at
/// any other: (time, group) pairs in order, in memory over the view's family. A group has a pair of
/// the time when it came to be; when that is due, the group says when it was touched last, and
/// where that is not long enough ago it gets a pair of that time. So a change of a group costs
/// nothing here, and each group is looked at once in its time to live.
///
/// A shard belongs to its merge; wakes_at() is for between epochs.
class Expiry {
 public:
  /// `base`: a table's options without prefix and layout.
  Expiry(state::TableOptions base, unsigned shards, const TimeToLive& ttl);

  const TimeToLive& ttl() const { return ttl_; }
  /// When a row touches its group that has this event time; a row without a time (no_watermark)
  /// does so at the watermark.
  EventTimeUs touch_time(const EpochContext& context, EventTimeUs row_time) const;
  /// Whether a group that was last touched at the one time is over at the other.
  bool is_over(EventTimeUs touched, EventTimeUs now) const {
    return add_saturated(touched, length_us_) <= now;
  }
  /// What is_over() compares with at the epoch's end; no_watermark: nothing is over.
  EventTimeUs now(const EpochContext& context) const;

  /// The shard's own table, which is begun, evicted and persisted with the view's others.
  state::KeyedShard& table(unsigned shard) { return table_.shard(shard); }
  /// The group came to be, or was looked at, and was touched last at this time.
  Status watch(unsigned shard, std::string_view group, EventTimeUs touched);
  /// Takes out the groups whose pairs are due: each is over, gone, or to be watched again. A group
  /// may be among them twice.
  Status take_due(unsigned shard, EventTimeUs now, std::vector<std::string>& groups);

  Status restore(std::uint64_t bytes_max_a_shard) { return table_.restore(bytes_max_a_shard, {}); }
  std::uint64_t memory_bytes() const { return table_.memory_bytes(); }
  /// As ViewOperator::wakes_at.
  EventTimeUs wakes_at() const;

 private:
  struct Shard {
    EventTimeUs taken = no_watermark;  ///< pairs up to this time are out
    EventTimeUs first = no_watermark;  ///< none that is in memory is of an earlier time
    bool complete = false;             ///< all were in memory when it was last looked
  };

  static std::string pair_of(EventTimeUs time, std::string_view group);
  static EventTimeUs time_of(std::string_view pair);
  bool is_of(std::string_view pair, unsigned shard) const;

  const TimeToLive ttl_;
  const std::int64_t length_us_;  ///< from a touch to the time when the group is over
  state::KeyedTable table_;
  std::vector<Shard> shards_;
};

/// The rows' times by a column of theirs; no_watermark where one has none.
void find_times(const Chunk& rows, std::size_t column, std::vector<EventTimeUs>& times);

}  // namespace leat::op
