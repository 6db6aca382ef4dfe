#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/detail_table.h"
#include "operator/join_time.h"
#include "operator/keyed_inputs.h"
#include "operator/row_pages.h"
#include "operator/window_end.h"

namespace leat::op {

/// The rows of one side of a join, in one shard: by key and, where the join has a time bound, by
/// bucket of time. Where the key says a window that ends, or with a bound, they are found by when
/// nothing can match them any more. Used by the shard's merge, which holds the lock of the pages.
class JoinSide {
 public:
  /// `time`: of the join's bound, null where there is none; `window`: null where none ends.
  JoinSide(RowPages& pages, const JoinTime* time, const sql::WindowKey* window, bool is_left)
      : pages_(pages), time_(time), window_(window), is_left_(is_left) {}

  RowPages& pages() { return pages_; }

  /// Bytes behind a key that say the bucket: not what decides about the shard.
  static std::size_t tail_bytes(bool bounded) { return bounded ? sizeof(std::int64_t) : 0; }

  /// Looks up what these rows of the other side's may match.
  Status find_matches(const KeyedWork& work, std::span<const std::uint32_t> rows);
  /// Calls `visit(place, bytes)` with each row that matches the i-th of the rows by key and time,
  /// until it fails: its place for counting and its bytes by RowCodec.
  template <class Visit>
  Status for_each_match(std::size_t i, Visit&& visit);

  /// Takes in rows of this side, the i-th of which has `counts[i]` matches.
  Status add(const KeyedWork& work, std::span<const std::uint32_t> rows,
             std::span<const std::int64_t> counts);

  /// Takes out of the index what nothing can match any more at this watermark.
  std::vector<RowPages::Group> take_ended(EventTimeUs watermark) {
    return buckets_.take_until(watermark);
  }
  template <class Visit>
  Status for_each_row(RowPages::Group group, Visit&& visit);
  /// Ends a group that take_ended() gave.
  Status forget(RowPages::Group group);
  /// When the last row can't match any more; no_watermark when there is none.
  EventTimeUs last_end() const { return buckets_.last_end(); }
  /// A group that was restored.
  void index(RowPages::Group group);

 private:
  std::string_view bytes_of(const RowPages::Row& row) const {
    return time_ == nullptr ? row.bytes : row.bytes.substr(sizeof(EventTimeUs));
  }
  void clear_keys();
  void append_key(std::string_view key, std::int64_t bucket);
  void make_keys();
  void watch(RowPages::Group group);

  RowPages& pages_;
  const JoinTime* const time_;
  const sql::WindowKey* const window_;
  const bool is_left_;
  WindowIndex buckets_;
  // What find_matches found: the i-th row's groups end at ends_[i].
  std::vector<RowPages::Group> groups_;
  std::vector<std::size_t> ends_;
  std::vector<JoinTime::Range> ranges_;
  // Scratch space.
  std::string key_bytes_;
  std::vector<std::size_t> key_ends_;
  std::vector<std::string_view> keys_;
  std::vector<RowPages::Group> added_;
  std::string row_;
};

template <class Visit>
Status JoinSide::for_each_match(std::size_t i, Visit&& visit) {
  Status visited;
  for (std::size_t at = i == 0 ? 0 : ends_[i - 1]; at < ends_[i]; ++at) {
    LEAT_TRY(pages_.for_each(groups_[at], [&](const RowPages::Row& row) {
      if (time_ != nullptr) {
        EventTimeUs time;
        std::memcpy(&time, row.bytes.data(), sizeof time);
        if (time < ranges_[i].first || time > ranges_[i].last) return true;
      }
      visited = visit(row, bytes_of(row));
      return visited.has_value();
    }));
    LEAT_TRY(std::move(visited));
  }
  return {};
}

template <class Visit>
Status JoinSide::for_each_row(RowPages::Group group, Visit&& visit) {
  Status visited;
  LEAT_TRY(pages_.for_each(group, [&](const RowPages::Row& row) {
    visited = visit(row, bytes_of(row));
    return visited.has_value();
  }));
  return visited;
}

}  // namespace leat::op
