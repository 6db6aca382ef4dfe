// ASOF joins that close with the following row: `a ASOF JOIN b ON a.k = b.k AND a.t <= b.t` within
// a time to live. The tables' order is turned over, so the following row stands before.

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "operator/asof_shard.h"

namespace leat::op {
namespace {

// Left rows of a key that wait are looked at together, so many times in their time to live.
constexpr std::int64_t looks_in_a_life = 16;

}  // namespace

/// Notes when these left rows leave at the latest: keys by steps of time, not rows.
Status AsofShard::watch_lefts(const Rows& rows) {
  const std::int64_t step = std::max<std::int64_t>(*plan_.reach_us / looks_in_a_life, 1);
  std::set<std::pair<std::string_view, EventTimeUs>> watched;
  for (const OrderedRows::Row& row : rows) {
    const EventTimeUs time = plan_.time_of(row.order);
    const std::int64_t behind_step = ((time % step) + step) % step;
    watched.emplace(row.key, add_saturated(time, step - behind_step));
  }
  for (const auto& [key, time] : watched) LEAT_TRY(expiry_->watch(index_, key, time));
  return {};
}

Result<EventTimeUs> AsofShard::close_following(EventTimeUs watermark) {
  const bool ended = watermark == end_of_time;
  std::vector<std::string> due;
  LEAT_TRY(expiry_->take_due(index_, watermark, due));
  const auto left_lock = left_.rows.table().lock();
  const auto right_lock = right_.rows.table().lock();
  EventTimeUs last = ended ? right_.open.last_end() : watermark;
  // Of each key the last right row that the watermark has passed: the left rows up to it have their
  // match.
  const std::vector<state::Entry*> passed = right_.open.take_until(watermark);
  std::map<std::string_view, std::string> reached;
  for (const state::Entry* entry : passed) {
    const OrderedRows::Row row = right_.rows.row_of(entry);
    std::string place = reach_of(row);
    std::string& first = reached[row.key];
    if (first.empty() || place < first) first = std::move(place);
  }
  EventTimeUs alone = no_watermark;
  for (const auto& [key, begin] : reached) {
    EventTimeUs matched = no_watermark;
    LEAT_TRY(leave_before(key, begin, matched));
  }
  const EventTimeUs over = ended ? end_of_time : add_saturated(watermark, -*plan_.reach_us);
  for (const std::string& key : due) {
    LEAT_TRY(leave_before(key, AsofPlan::place_before(key, over), alone));
  }
  for (state::Entry* entry : passed) {
    right_.rows.table().remove(entry);
    right_.rows.table().unpin(entry);
  }
  if (ended && alone != no_watermark) last = std::max(last, add_saturated(alone, *plan_.reach_us));
  return last;
}

/// Lets the key's left rows from this place on leave; `last_time` becomes that of the last of them.
Status AsofShard::leave_before(std::string_view key, std::string_view begin,
                               EventTimeUs& last_time) {
  state::KeyedShard& lefts = left_.rows.table();
  const std::string end = state::end_of_prefix(key);
  (void)LEAT_TRY(lefts.load_range(begin, end, std::numeric_limits<std::size_t>::max()));
  Status status;
  lefts.for_each_entry(begin, end, [&](state::Entry* entry) {
    const OrderedRows::Row row = left_.rows.row_of(entry);
    last_time = std::max(last_time, plan_.time_of(row.order));
    status = [&]() -> Status {
      return put(row, output_.wanted() ? LEAT_TRY(match_of(row)) : nullptr, row.weight);
    }();
    return status.has_value();
  });
  LEAT_TRY(std::move(status));
  LEAT_TRY(output_.flush());
  (void)LEAT_TRY(lefts.remove_range(begin, end));
  return {};
}

}  // namespace leat::op
