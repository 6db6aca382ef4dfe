#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "operator/detail_table.h"
#include "operator/expiry.h"
#include "operator/framed_rows.h"
#include "operator/window_clock.h"
#include "sql/query.h"

namespace leat::op {

/// Of one shard's rows that give what they give once (sql::KeyedQuery::Frames::closes): which do in
/// an epoch, as nothing near them can come any more, and which nobody will look at. A key's rows
/// become final in their order: when the watermark has passed all that may come before them or
/// within their time, and as many as they look at have followed; or none can, as so much time has
/// passed that those to come begin anew. Who calls holds the lock of the rows' table.
class FramedClosing {
 public:
  using Frames = sql::KeyedQuery::Frames;
  /// `expiry`: says which keys of the shard may be over, where some are; else null.
  FramedClosing(FramedRows& rows, const Frames& frames, Expiry* expiry, unsigned shard,
                unsigned shards)
      : rows_(rows), frames_(frames), expiry_(expiry), shard_(shard), shards_(shards) {}

  /// When the watermark was there, no row of this time came any more.
  static bool is_late(const Frames& frames, EventTimeUs time, EventTimeUs watermark) {
    return time == no_watermark || add_saturated(time, *frames.settles_us) <= watermark;
  }
  /// Where the watermark must be for all rows before one and within its time to be there.
  static EventTimeUs end_of(const Frames& frames, std::string_view order);

  /// Takes in rows that were added.
  void add(std::span<state::Entry* const> entries);
  /// And one that was restored, pinned.
  void index(state::Entry* entry) { open_.add(end_of(frames_, rows_.row_of(entry).order), entry); }
  /// When the last of the rows that wait for the watermark has what it waits for; no_watermark:
  /// none does.
  EventTimeUs last_end() const { return open_.last_end(); }

  struct Moment {
    EventTimeUs watermark;
    bool ended = false;  ///< nothing follows
    /// Where the watermark was when the input had ended before: rows up to there did give.
    EventTimeUs ended_before = no_watermark;
  };
  /// The rows that are final now, in order.
  Result<std::vector<FramedRows::Extent>> close(const Moment& now);
  /// Forgets what nobody looks at any more, once the rows that close() said have given.
  Status forget();

 private:
  /// What has changed of a key's rows behind the watermark.
  struct Passed {
    std::string first;   ///< of those that were not passed before
    std::string behind;  ///< where they end
    EventTimeUs newest = no_watermark;
    bool over = false;  ///< who comes now looks at none of them
  };
  using PassedKeys = std::map<std::string, Passed>;

  PassedKeys take_passed(EventTimeUs watermark);
  Status end_keys(PassedKeys& passed);
  Status end_key(const std::string& key, PassedKeys& passed);
  Status add_all(PassedKeys& passed);
  Result<std::string> first_waiting(std::string_view key, std::string_view place);
  EventTimeUs next_time() const { return add_saturated(now_.watermark, 1 - *frames_.settles_us); }
  Result<std::string> first_needed(std::string_view key, std::string_view behind);
  static std::string behind(std::string_view place) { return std::string(place).append(1, '\0'); }

  FramedRows& rows_;
  const Frames& frames_;
  Expiry* const expiry_;
  const unsigned shard_;
  const unsigned shards_;
  WindowIndex open_;  // rows that wait for the watermark
  Moment now_ = {.watermark = no_watermark};
  struct Closed {
    std::string key;
    std::string end;  ///< those before it have given
    bool over;
  };
  std::vector<Closed> closed_;  // of the epoch
};

}  // namespace leat::op
