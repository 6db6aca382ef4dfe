#include "operator/asof_shard.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/check.h"
#include "operator/rank_order.h"
#include "operator/window_end.h"

namespace leat::op {
namespace {

std::string joined(std::string_view first, std::string_view second) {
  return std::string(first).append(second);
}

/// The least key behind this one.
std::string successor_of(std::string_view place) {
  return joined(place, std::string_view("\0", 1));
}

}  // namespace

EventTimeUs AsofPlan::time_of(std::string_view order) const {
  if (!following) return window_end_of(order, 0);
  LEAT_CHECK(order.size() == window_time_bytes);
  return window_end_of(turned_over(order), 0);
}

std::string AsofPlan::place_before(std::string_view key, EventTimeUs time) {
  std::string order;
  append_window_time(time, order);
  return joined(key, turned_over(order));
}

Status AsofShard::merge(std::span<const KeyedWork* const> works, unsigned index,
                        std::vector<ChangeChunk>* output) {
  output_.begin(output);
  const auto left_lock = left_.rows.table().lock();
  const auto right_lock = right_.rows.table().lock();
  LEAT_TRY(take_rights(LEAT_TRY(rows_of(false, works, index))));
  return take_lefts(LEAT_TRY(rows_of(true, works, index)));
}

/// The rows of a side that may match something. A left row that can't leaves at once.
Result<AsofShard::Rows> AsofShard::rows_of(bool left, std::span<const KeyedWork* const> works,
                                           unsigned index) {
  Rows rows;
  for (const KeyedWork* work : works) {
    if ((work->input == 0) != left) continue;
    for (const std::uint32_t row : work->scatter.rows_of(index)) {
      const OrderedRows::Row made{work->keys[row], work->orders[row], work->rows[row],
                                  work->weight(row)};
      if (work->times.empty() || work->times[row] != no_watermark) {
        rows.push_back(made);
      } else if (left) {
        LEAT_TRY(put(made, nullptr, made.weight));
      }
    }
  }
  return rows;
}

void AsofShard::add(Side& side, const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    state::Entry* entry = entries_[i];
    side.rows.add(entry, rows[i]);
    const bool waits_long = plan_.following && &side == &left_;
    if (!plan_.closes || waits_long || entry->has(state::Entry::pinned)) continue;
    side.rows.table().pin(entry);
    side.open.add(plan_.end_of(rows[i].order), entry);
  }
}

Status AsofShard::take_lefts(const Rows& rows) {
  if (!plan_.closes && output_.wanted()) {
    for (const OrderedRows::Row& row : rows) {
      LEAT_TRY(put(row, LEAT_TRY(match_of(row)), row.weight));
    }
  }
  LEAT_TRY(left_.rows.find_or_create(rows, entries_));
  add(left_, rows);
  return plan_.closes && plan_.following ? watch_lefts(rows) : Status();
}

Status AsofShard::take_rights(const Rows& rows) {
  LEAT_TRY(right_.rows.find_or_create(rows, entries_));
  std::vector<Range> ranges;
  if (!plan_.closes && output_.wanted()) ranges = LEAT_TRY(ranges_of(changes_of(rows)));
  for (const Range& range : ranges) LEAT_TRY(put_range(range, -1));
  add(right_, rows);
  for (const Range& range : ranges) LEAT_TRY(put_range(range, 1));
  return {};
}

/// Which right rows come to be or are no more when these, whose entries are entries_, have been
/// added; in order.
std::vector<AsofShard::Change> AsofShard::changes_of(const Rows& rows) const {
  std::unordered_map<const state::Entry*, std::int64_t> steps;
  for (std::size_t i = 0; i < rows.size(); ++i) steps[entries_[i]] += rows[i].weight;
  std::vector<Change> changes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const state::Entry* entry = entries_[i];
    // Each entry once.
    const std::int64_t step = std::exchange(steps[entry], 0);
    const std::int64_t before =
        entry->has(state::Entry::live) ? right_.rows.row_of(entry).weight : 0;
    if ((before > 0) == (before + step > 0)) continue;
    changes.push_back({rows[i], right_.rows.table().key_of(entry)});
  }
  std::ranges::sort(changes, {}, &Change::place);
  return changes;
}

/// Those of all changes between two right rows that stay are one range: from the first of them to
/// where the next right row takes over.
Result<std::vector<AsofShard::Range>> AsofShard::ranges_of(std::span<const Change> changes) {
  std::vector<Range> ranges;
  std::string_view key;
  for (const Change& change : changes) {
    std::string begin = reach_of(change.row);
    const bool covered = !ranges.empty() && key == change.row.key &&
                         (ranges.back().end.empty() || begin < ranges.back().end);
    if (covered) continue;
    key = change.row.key;
    const state::Entry* next = LEAT_TRY(right_behind(key, change.place));
    ranges.push_back({std::move(begin), next == nullptr ? state::end_of_prefix(key)
                                                        : reach_of(right_.rows.row_of(next))});
  }
  return ranges;
}

/// Adds what the left rows of the range match now, or takes it back.
Status AsofShard::put_range(const Range& range, std::int64_t sign) {
  state::KeyedShard& lefts = left_.rows.table();
  (void)LEAT_TRY(lefts.load_range(range.begin, range.end, std::numeric_limits<std::size_t>::max()));
  Status status;
  const state::Entry* match = nullptr;
  std::string match_ends;  // where the next right row takes over
  bool known = false;
  lefts.for_each_entry(range.begin, range.end, [&](state::Entry* entry) {
    const OrderedRows::Row left = left_.rows.row_of(entry);
    status = [&]() -> Status {
      if (!known || (!match_ends.empty() && lefts.key_of(entry) >= match_ends)) {
        match = LEAT_TRY(match_of(left));
        const std::string_view place =
            match == nullptr ? left.key : right_.rows.table().key_of(match);
        const state::Entry* next = LEAT_TRY(right_behind(left.key, place));
        match_ends = next == nullptr ? "" : reach_of(right_.rows.row_of(next));
        known = true;
      }
      return put(left, match, sign * left.weight);
    }();
    return status.has_value();
  });
  return status;
}

Status AsofShard::put(const OrderedRows::Row& left, const state::Entry* match,
                      std::int64_t weight) {
  if (match != nullptr) {
    return output_.add_pair(left.bytes, right_.rows.row_of(match).bytes, weight);
  }
  return plan_.keeps_left ? output_.add_alone(true, left.bytes, weight) : Status();
}

std::string AsofShard::reach_of(const OrderedRows::Row& right) const {
  std::string place = joined(right.key, right.order);
  return plan_.strictly ? state::end_of_prefix(place) : place;
}

Result<state::Entry*> AsofShard::match_of(const OrderedRows::Row& left) {
  const std::string place = joined(left.key, left.order);
  state::Entry* match = LEAT_TRY(right_.rows.table().last_entry(
      left.key, plan_.strictly ? place : state::end_of_prefix(place), is_there_));
  if (match == nullptr || !plan_.reach_us) return match;
  return in_reach(right_.rows.row_of(match), plan_.time_of(left.order)) ? match : nullptr;
}

/// Where right rows have a time to live: it is not over for a left row of this time.
bool AsofShard::in_reach(const OrderedRows::Row& right, EventTimeUs left_time) const {
  const EventTimeUs right_time = plan_.time_of(right.order);
  if (plan_.following) return add_saturated(left_time, *plan_.reach_us) > right_time;
  return add_saturated(right_time, *plan_.reach_us) > left_time;
}

Result<state::Entry*> AsofShard::right_behind(std::string_view key, std::string_view place) {
  return right_.rows.table().first_entry(successor_of(place), state::end_of_prefix(key), is_there_);
}

Result<EventTimeUs> AsofShard::close(EventTimeUs watermark) {
  if (plan_.following) return close_following(watermark);
  const bool ended = watermark == end_of_time;
  const EventTimeUs time = ended ? left_.open.last_end() : watermark;
  if (time == no_watermark) return time;
  {
    const auto left_lock = left_.rows.table().lock();
    const auto right_lock = right_.rows.table().lock();
    LEAT_TRY(leave(left_.open.take_until(time)));
    LEAT_TRY(settle(right_.open.take_until(time)));
  }
  if (expiry_ != nullptr && !ended) LEAT_TRY(forget(time));
  return time;
}

Status AsofShard::leave(std::span<state::Entry* const> lefts) {
  for (const state::Entry* entry : lefts) {
    const OrderedRows::Row row = left_.rows.row_of(entry);
    LEAT_TRY(put(row, output_.wanted() ? LEAT_TRY(match_of(row)) : nullptr, row.weight));
  }
  LEAT_TRY(output_.flush());
  for (state::Entry* entry : lefts) {
    left_.rows.table().remove(entry);
    left_.rows.table().unpin(entry);
  }
  return {};
}

/// What comes before one of these can't be a match any more.
Status AsofShard::settle(std::span<state::Entry* const> rights) {
  for (state::Entry* entry : rights) {
    if (entry->has(state::Entry::live)) {
      const OrderedRows::Row row = right_.rows.row_of(entry);
      const auto older =
          LEAT_TRY(right_.rows.table().remove_range(row.key, right_.rows.table().key_of(entry)));
      const bool first = older.empty();
      if (first && expiry_ != nullptr) {
        LEAT_TRY(expiry_->watch(index_, row.key, plan_.time_of(row.order)));
      }
    }
    right_.rows.table().unpin(entry);
  }
  return {};
}

/// Of keys whose right rows may be over: those that are.
Status AsofShard::forget(EventTimeUs watermark) {
  std::vector<std::string> keys;
  LEAT_TRY(expiry_->take_due(index_, watermark, keys));
  const auto lock = right_.rows.table().lock();
  for (const std::string& key : keys) {
    const state::Entry* newest = LEAT_TRY(right_.rows.table().last_entry(
        key, state::end_of_prefix(key), [&](const state::Entry* entry) {
          return plan_.time_of(right_.rows.row_of(entry).order) < watermark;
        }));
    if (newest == nullptr) continue;
    const OrderedRows::Row row = right_.rows.row_of(newest);
    if (in_reach(row, watermark)) {
      LEAT_TRY(expiry_->watch(index_, key, plan_.time_of(row.order)));
    } else {
      const std::string behind = successor_of(right_.rows.table().key_of(newest));
      (void)LEAT_TRY(right_.rows.table().remove_range(key, behind));
    }
  }
  return {};
}

void AsofShard::index(bool left, state::Entry* entry) {
  Side& side = left ? left_ : right_;
  side.open.add(plan_.end_of(side.rows.row_of(entry).order), entry);
}

}  // namespace leat::op
