#include "operator/join_shard.h"

#include <numeric>

#include "model/chunk_copy.h"

namespace leat::op {

JoinPlan::JoinPlan(const JoinView& view, sql::Database& database)
    : kind(view.query.kind),
      time(view.query.bound ? std::optional<JoinTime>(*view.query.bound) : std::nullopt),
      window(view.end_windows() ? view.query.window_key : std::nullopt),
      waits(time || (window && view.emit == Emit::on_close && view.late != Late::update)),
      codec(view.query),
      condition(database, view.query.condition, codec.pairs()),
      takes_back(view.query.left.weighted || view.query.right.weighted ||
                 (kind != Kind::inner && kind != Kind::semi && !waits)) {}

Status JoinShard::take(const KeyedWork& work, std::span<const std::uint32_t> rows) {
  const bool left = work.input == 0;
  matching_.clear();
  for (const std::uint32_t row : rows) {
    if (work.times.empty() || work.times[row] != no_watermark) {
      matching_.push_back(row);
    } else if (plan_.keeps(left)) {
      LEAT_TRY(output_.add_alone(left, work.rows[row], work.weight(row)));
    }
  }
  matches_.assign(matching_.size(), 0);
  // Where nobody wants the pairs, what is to be found are the numbers of matches.
  if (output_.wanted() || plan_.counts(true) || plan_.counts(false)) LEAT_TRY(match(work, left));
  LEAT_TRY(put_alone(work, left));
  LEAT_TRY(output_.flush());
  const std::span<const std::int64_t> counts = matches_;
  return side(left).add(work, matching_, plan_.counts(left) ? counts : counts.first(0));
}

Status JoinShard::match(const KeyedWork& work, bool left) {
  JoinSide& other = side(!left);
  LEAT_TRY(other.find_matches(work, matching_));
  for (std::uint32_t i = 0; i < matching_.size(); ++i) {
    LEAT_TRY(other.for_each_match(i, [&](const RowPages::Row& place, std::string_view bytes) {
      return add_pair(work, i, place, bytes);
    }));
  }
  return flush_pairs(work);
}

Status JoinShard::add_pair(const KeyedWork& work, std::uint32_t index, const RowPages::Row& place,
                           std::string_view other) {
  if (pairs_.size() == chunk_rows_max) LEAT_TRY(flush_pairs(work));
  const bool left = work.input == 0;
  pairs_.push_back({index, place});
  (left ? lefts_ : rights_).push_back(work.rows[matching_[index]]);
  (left ? rights_ : lefts_).push_back(other);
  return {};
}

Status JoinShard::flush_pairs(const KeyedWork& work) {
  if (pairs_.empty()) return {};
  Chunk chunk;
  if (plan_.condition.empty()) {
    passing_.resize(pairs_.size());
    std::iota(passing_.begin(), passing_.end(), std::uint32_t{0});
  } else {
    chunk = LEAT_TRY(plan_.codec.decode_pairs(lefts_, rights_));
    LEAT_TRY(plan_.condition.test(chunk, passing_));
  }
  for (const std::uint32_t pair : passing_) LEAT_TRY(count(work, pair));
  if (plan_.puts_pairs_out() && output_.wanted()) LEAT_TRY(put_out(work, std::move(chunk)));
  pairs_.clear();
  lefts_.clear();
  rights_.clear();
  return {};
}

/// Adds the pair to the matches of both of its rows; the one that was there before may now have its
/// first, or its last no more.
Status JoinShard::count(const KeyedWork& work, std::uint32_t pair) {
  const bool other_is_left = work.input != 0;
  const auto& [index, other] = pairs_[pair];
  matches_[index] += other.weight;
  if (!plan_.counts(other_is_left)) return {};
  const std::int64_t weight = work.weight(matching_[index]);
  const std::int64_t after = side(other_is_left).pages().add_to_count(other, weight);
  const bool had = after - weight > 0;
  const bool has = after > 0;
  const bool semi = plan_.kind == JoinPlan::Kind::semi;
  if (had == has || (plan_.waits && !semi)) return {};
  const std::string_view bytes = (other_is_left ? lefts_ : rights_)[pair];
  return output_.add_alone(other_is_left, bytes, has == semi ? other.weight : -other.weight);
}

/// `chunk`: the pairs, where they are decoded already.
Status JoinShard::put_out(const KeyedWork& work, Chunk chunk) {
  if (output_.takes_chunks()) {
    if (passing_.empty()) return {};
    if (!chunk) chunk = LEAT_TRY(plan_.codec.decode_pairs(lefts_, rights_));
    output_.add_pairs(passing_.size() == pairs_.size() ? std::move(chunk)
                                                       : copy_of(chunk, passing_));
    return {};
  }
  for (const std::uint32_t pair : passing_) {
    const std::int64_t weight = work.weight(matching_[pairs_[pair].index]);
    LEAT_TRY(output_.add_pair(lefts_[pair], rights_[pair], weight * pairs_[pair].other.weight));
  }
  return {};
}

/// The work's rows that leave the join without a partner.
Status JoinShard::put_alone(const KeyedWork& work, bool left) {
  const bool semi = plan_.kind == JoinPlan::Kind::semi;
  // Where they wait a match may still come.
  if (semi ? !left : (!plan_.keeps(left) || plan_.waits)) return {};
  for (std::size_t i = 0; i < matching_.size(); ++i) {
    if ((matches_[i] > 0) != semi) continue;
    const std::uint32_t row = matching_[i];
    LEAT_TRY(output_.add_alone(left, work.rows[row], work.weight(row)));
  }
  return {};
}

Status JoinShard::close(EventTimeUs watermark) {
  for (const bool left : {true, false}) {
    const std::vector<RowPages::Group> ended = side(left).take_ended(watermark);
    const auto lock = side(left).pages().table().lock();
    if (plan_.waits && plan_.keeps(left)) LEAT_TRY(leave(left, ended));
    for (const RowPages::Group group : ended) LEAT_TRY(side(left).forget(group));
  }
  return {};
}

/// Puts out what has found no match and can find none any more.
Status JoinShard::leave(bool left, std::span<const RowPages::Group> groups) {
  for (const RowPages::Group group : groups) {
    LEAT_TRY(side(left).for_each_row(
        group, [&](const RowPages::Row& row, std::string_view bytes) -> Status {
          if (row.count > 0) return {};
          return output_.add_alone(left, bytes, row.weight);
        }));
  }
  return output_.flush();
}

}  // namespace leat::op
