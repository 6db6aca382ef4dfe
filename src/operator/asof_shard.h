#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/definition.h"
#include "operator/detail_table.h"
#include "operator/expiry.h"
#include "operator/join_codec.h"
#include "operator/join_output.h"
#include "operator/keyed_inputs.h"
#include "operator/ordered_rows.h"
#include "operator/window_clock.h"

namespace leat::op {

/// What all shards of an ASOF join share.
struct AsofPlan {
  explicit AsofPlan(const JoinView& view)
      : keeps_left(view.query.kind == sql::JoinQuery::Kind::left),
        strictly(view.query.asof->strictly),
        following(view.query.asof->following),
        closes(view.query.asof->closes),
        reach_us(view.ttl ? std::optional(view.ttl->length_us) : std::nullopt),
        codec(view.query) {}

  const bool keeps_left;  ///< rows without a match
  const bool strictly;
  const bool following;
  const bool closes;
  const std::optional<std::int64_t> reach_us;  ///< a match is not as far away as this
  const JoinCodec codec;

  /// Where it closes: the time that is a row's order, by RankOrder, and the least place of left
  /// rows at or before a time (of `following`).
  EventTimeUs time_of(std::string_view order) const;
  static std::string place_before(std::string_view key, EventTimeUs time);
  /// The watermark has passed a row at this time.
  EventTimeUs end_of(std::string_view order) const { return add_saturated(time_of(order), 1); }
};

/// One shard of an ASOF join. Both sides' rows lie in order, by key and by what is compared (turned
/// over where the following row is asked for, so that it is always the row before). An epoch's
/// right rows change what the left rows up to the next right row match, and only those are looked
/// at; then its left rows are matched. Where the join closes, left rows wait until nothing can come
/// before them, and of the right rows a key keeps the last that all that is to come follows. Where
/// it closes with the following row, left rows wait until the watermark has passed that row, or
/// until none can come within reach, and right rows until the watermark has passed them.
class AsofShard {
 public:
  /// `expiry`: of rows to live for a time: of keys of the right side, or of left rows that wait for
  /// the following row; else null. `index`: of the shard in it.
  AsofShard(const AsofPlan& plan, state::KeyedShard& left, state::KeyedShard& right, Expiry* expiry,
            unsigned index)
      : plan_(plan),
        expiry_(expiry),
        index_(index),
        left_{OrderedRows(left)},
        right_{OrderedRows(right)},
        output_(plan.codec, !plan.closes) {}

  /// The epoch's rows of this shard; `output` is null where nobody wants its changes.
  Status merge(std::span<const KeyedWork* const> works, unsigned index,
               std::vector<ChangeChunk>* output);
  /// Lets left rows leave whose match is certain at this watermark, and forgets what none can match
  /// any more. At end_of_time all leave; then, as time has not come to an end, it gives the
  /// watermark at which they would have left, no_watermark where there was none. Else this one.
  Result<EventTimeUs> close(EventTimeUs watermark);
  /// Ends the epoch.
  Status finish() { return output_.finish(); }

  /// An entry that was restored.
  void index(bool left, state::Entry* entry);

 private:
  struct Side {
    OrderedRows rows;
    WindowIndex open = {};  ///< where it closes: rows that the watermark has not passed
  };
  /// Left rows that an epoch's right rows give another match: keys of entries in [begin, end).
  struct Range {
    std::string begin;
    std::string end;
  };
  /// A right row that comes to be or is no more, and its entry's key.
  struct Change {
    OrderedRows::Row row;
    std::string_view place;
  };
  using Rows = std::vector<OrderedRows::Row>;

  Result<Rows> rows_of(bool left, std::span<const KeyedWork* const> works, unsigned index);
  Status take_rights(const Rows& rows);
  Status take_lefts(const Rows& rows);
  void add(Side& side, const Rows& rows);
  std::vector<Change> changes_of(const Rows& rows) const;
  Result<std::vector<Range>> ranges_of(std::span<const Change> changes);
  Status put_range(const Range& range, std::int64_t sign);
  Status put(const OrderedRows::Row& left, const state::Entry* match, std::int64_t weight);
  Status leave(std::span<state::Entry* const> lefts);
  Status settle(std::span<state::Entry* const> rights);
  Status forget(EventTimeUs watermark);
  bool in_reach(const OrderedRows::Row& right, EventTimeUs left_time) const;

  // asof_following.cc
  Status watch_lefts(const Rows& rows);
  Result<EventTimeUs> close_following(EventTimeUs watermark);
  Status leave_before(std::string_view key, std::string_view begin, EventTimeUs& last_time);

  /// The least key of a left row's entry that this right row may be the match of.
  std::string reach_of(const OrderedRows::Row& right) const;
  Result<state::Entry*> match_of(const OrderedRows::Row& left);
  /// The right row of the same key that comes next behind this place.
  Result<state::Entry*> right_behind(std::string_view key, std::string_view place);

  const AsofPlan& plan_;
  Expiry* const expiry_;
  const unsigned index_;
  Side left_;
  Side right_;
  JoinOutput output_;
  /// Of a right row: it was not taken back more often than it came.
  const state::KeyedShard::Wanted is_there_ = [this](const state::Entry* entry) {
    return right_.rows.row_of(entry).weight > 0;
  };
  std::vector<state::Entry*> entries_;  // scratch space
};

}  // namespace leat::op
