#include "operator/framed_closing.h"

#include <algorithm>
#include <utility>

#include "operator/window_end.h"

namespace leat::op {

EventTimeUs FramedClosing::end_of(const Frames& frames, std::string_view order) {
  return window_end_of(order, add_saturated(*frames.settles_us, frames.us_after));
}

void FramedClosing::add(std::span<state::Entry* const> entries) {
  for (state::Entry* entry : entries) {
    if (entry->has(state::Entry::pinned) || !entry->has(state::Entry::live)) continue;
    rows_.table().pin(entry);
    index(entry);
  }
}

Result<std::vector<FramedRows::Extent>> FramedClosing::close(const Moment& now) {
  now_ = now;
  PassedKeys passed = take_passed(now.watermark);
  if (expiry_ != nullptr) LEAT_TRY(end_keys(passed));
  if (now.ended && frames_.rows_after > 0) LEAT_TRY(add_all(passed));
  std::vector<FramedRows::Extent> final;
  for (const auto& [key, of] : passed) {
    std::string begin = LEAT_TRY(first_waiting(key, of.first));
    std::string end = of.over || now.ended ? of.behind : LEAT_TRY(first_waiting(key, of.behind));
    closed_.push_back({key, end, of.over});
    if (begin < end) final.push_back({std::move(begin), std::move(end)});
  }
  return final;
}

FramedClosing::PassedKeys FramedClosing::take_passed(EventTimeUs watermark) {
  PassedKeys passed;
  for (state::Entry* entry : open_.take_until(watermark)) {
    if (entry->has(state::Entry::live)) {
      const OrderedRows::Row row = rows_.row_of(entry);
      const std::string_view place = rows_.table().key_of(entry);
      Passed& of = passed[std::string(row.key)];
      if (of.first.empty() || place < of.first) of.first = place;
      of.behind = std::max(of.behind, behind(place));
      of.newest = std::max(of.newest, rows_.time_of(row.order));
    }
    rows_.table().unpin(entry);
  }
  return passed;
}

Status FramedClosing::end_keys(PassedKeys& passed) {
  for (const auto& [key, of] : passed) {
    const state::Entry* before = LEAT_TRY(rows_.last_before(key, of.first));
    if (before == nullptr) LEAT_TRY(expiry_->watch(shard_, key, of.newest));
  }
  if (now_.ended) return {};
  std::vector<std::string> due;
  LEAT_TRY(expiry_->take_due(shard_, now_.watermark, due));
  for (const std::string& key : due) LEAT_TRY(end_key(key, passed));
  return {};
}

/// Ends what there is of a key, if its newest row is so old that none to come looks at it.
Status FramedClosing::end_key(const std::string& key, PassedKeys& passed) {
  const state::Entry* newest = LEAT_TRY(rows_.last_before(key, key + rows_.order_at(next_time())));
  if (newest == nullptr) return {};
  const EventTimeUs time = rows_.time_of(rows_.row_of(newest).order);
  if (rows_.look_at_each_other(time, next_time())) return expiry_->watch(shard_, key, time);
  const auto [known, is_new] = passed.try_emplace(key);
  Passed& of = known->second;
  of.behind = behind(rows_.table().key_of(newest));
  if (is_new) of.first = of.behind;
  of.over = true;
  return {};
}

/// All keys, as nothing follows any of them.
Status FramedClosing::add_all(PassedKeys& passed) {
  std::map<std::string, std::string> ends;
  LEAT_TRY(
      rows_.for_each(shard_, shards_, [&](const OrderedRows::Row& row, std::string_view place) {
        std::string& end = ends[std::string(row.key)];
        end = std::max(end, behind(place));
      }));
  for (const auto& [key, end] : ends) passed.try_emplace(key, Passed{end, end});
  return {};
}

/// Of a key's rows before a place, which the watermark has passed: the first that waits for others
/// to follow.
Result<std::string> FramedClosing::first_waiting(std::string_view key, std::string_view place) {
  std::string first(place);
  std::optional<EventTimeUs> next;
  for (std::int64_t left = frames_.rows_after; left > 0;) {
    const state::Entry* entry = LEAT_TRY(rows_.last_before(key, first));
    if (entry == nullptr) break;
    const OrderedRows::Row row = rows_.row_of(entry);
    const EventTimeUs time = rows_.time_of(row.order);
    if (end_of(frames_, row.order) <= now_.ended_before) break;
    if (next && !rows_.look_at_each_other(time, *next)) break;
    next = time;
    left -= row.weight;
    first = rows_.table().key_of(entry);
  }
  return first;
}

Status FramedClosing::forget() {
  for (const auto& [key, end, over] : std::exchange(closed_, {})) {
    const std::string from = over ? end : LEAT_TRY(first_needed(key, end));
    LEAT_TRY(rows_.table().remove_range(key, from));
  }
  return {};
}

/// The first of a key's rows that one from `behind` on, or one to come, looks at.
Result<std::string> FramedClosing::first_needed(std::string_view key, std::string_view behind) {
  EventTimeUs time = next_time();
  const state::Entry* next = LEAT_TRY(rows_.first_from(key, behind));
  if (next != nullptr) time = std::min(time, rows_.time_of(rows_.row_of(next).order));
  const std::string order = rows_.order_at(time);
  const std::string at = std::string(key) + order;
  std::string from =
      LEAT_TRY(rows_.reach_before({key, order, {}}, at, frames_.rows_before, frames_.us_before));
  if (!rows_.runs()) return from;
  // The row before them carries something on.
  const state::Entry* before = LEAT_TRY(rows_.last_before(key, from));
  return before == nullptr ? from : std::string(rows_.table().key_of(before));
}

}  // namespace leat::op
