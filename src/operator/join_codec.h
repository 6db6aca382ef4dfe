#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model/chunk.h"
#include "model/row_codec.h"
#include "sql/query.h"

namespace leat::op {

/// Reads the rows of a join's sides, which are kept as bytes of RowCodec without the keys, back
/// into chunks. Any thread. Error `stored-row-invalid` (external).
class JoinCodec {
 public:
  explicit JoinCodec(const sql::JoinQuery& query);

  /// Semi and anti joins put out the left side's rows as they stand.
  bool left_only() const { return left_only_; }
  /// Left's columns l0, l1, … and right's r0, r1, …
  const Schema& pairs() const { return pairs_; }

  /// Pairs, left's columns first; in chunks as of pairs(), which output's are alike but for names.
  Result<Chunk> decode_pairs(std::span<const std::string_view> left,
                             std::span<const std::string_view> right) const;
  /// Rows that stand in the output without a match: NULL in the other side's columns.
  Result<Chunk> decode_alone(bool of_left, std::span<const std::string_view> rows) const;

 private:
  RowCodec codec_of(bool of_left) const;

  const bool left_only_;
  const Schema output_;
  Schema pairs_;
  std::vector<std::size_t> columns_[2];  // in pairs_ and, for both sides, in the output
  std::vector<VectorShape> shapes_[2];
  RowCodec left_;
  RowCodec right_;
};

}  // namespace leat::op
