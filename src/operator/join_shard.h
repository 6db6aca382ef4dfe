#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "operator/definition.h"
#include "operator/join_codec.h"
#include "operator/join_condition.h"
#include "operator/join_output.h"
#include "operator/join_side.h"
#include "operator/join_time.h"

namespace leat::op {

/// What all shards of a join share.
struct JoinPlan {
  using Kind = sql::JoinQuery::Kind;

  JoinPlan(const JoinView& view, sql::Database& database);

  /// Rows are forgotten in time.
  bool forgets() const { return time || window; }

  /// Rows of the side are put out when they have no match.
  bool keeps(bool left) const {
    return kind == Kind::full || kind == (left ? Kind::left : Kind::right) ||
           (left && kind == Kind::anti);
  }
  /// A row's number of matches must be known.
  bool counts(bool left) const { return keeps(left) || (left && kind == Kind::semi); }
  bool puts_pairs_out() const { return !codec.left_only(); }

  const Kind kind;
  const std::optional<JoinTime> time;
  const std::optional<sql::WindowKey> window;  ///< of windows that end
  /// An outer row leaves only when it can't find a match any more.
  const bool waits;
  const JoinCodec codec;
  JoinCondition condition;
  /// Rows of the output may be taken back.
  const bool takes_back;
};

/// One shard of a join. Changes of one side are matched with the rows of the other, then they
/// become rows of their own side: so each pair is found once, by the later of the two. A batch of
/// pairs is held at most, however many rows a key has. Used by the shard's merge.
class JoinShard {
 public:
  JoinShard(JoinPlan& plan, RowPages& left, RowPages& right)
      : plan_(plan),
        left_(left, plan.time ? &*plan.time : nullptr, plan.window ? &*plan.window : nullptr, true),
        right_(right, plan.time ? &*plan.time : nullptr, plan.window ? &*plan.window : nullptr,
               false),
        output_(plan.codec, plan.takes_back) {}

  JoinSide& side(bool left) { return left ? left_ : right_; }

  /// Null: nobody wants the epoch's changes.
  void begin(std::vector<ChangeChunk>* output) { output_.begin(output); }
  /// Takes in these rows, of the left side where the work is of input 0. Of rows with the time
  /// no_watermark none matches anything.
  Status take(const KeyedWork& work, std::span<const std::uint32_t> rows);
  /// Lets go of the rows that can't match any more.
  Status close(EventTimeUs watermark);
  Status finish() { return output_.finish(); }

 private:
  struct Pair {
    std::uint32_t index;  // in matching_
    RowPages::Row other;
  };

  Status match(const KeyedWork& work, bool left);
  Status add_pair(const KeyedWork& work, std::uint32_t index, const RowPages::Row& place,
                  std::string_view other);
  Status flush_pairs(const KeyedWork& work);
  Status count(const KeyedWork& work, std::uint32_t pair);
  Status put_out(const KeyedWork& work, Chunk chunk);
  Status put_alone(const KeyedWork& work, bool left);
  Status leave(bool left, std::span<const RowPages::Group> groups);

  JoinPlan& plan_;
  JoinSide left_;
  JoinSide right_;
  JoinOutput output_;
  std::vector<std::uint32_t> matching_;  // rows of the work that may match
  std::vector<std::int64_t> matches_;    // how many each of them has
  // The pairs of a batch.
  std::vector<Pair> pairs_;
  std::vector<std::string_view> lefts_;
  std::vector<std::string_view> rights_;
  std::vector<std::uint32_t> passing_;
};

}  // namespace leat::op
