#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/row_codec.h"
#include "sql/query.h"

namespace leat::op {

/// Turns what rows are ordered by into bytes that sort as they do: ORDER BY a DESC NULLS LAST, b.
/// Immutable: used from any thread.
class RankOrder {
 public:
  /// `input`: what the chunks look like, the columns of `order` of types that are not nested.
  RankOrder(const Schema& input, const std::vector<sql::KeyedQuery::Order>& order);

  /// The bytes of each row, in place of what is in `out`. None begins with another's.
  void encode(const Chunk& rows, std::vector<std::string>& out) const;

 private:
  struct Column {
    KeyCodec codec;
    sql::KeyedQuery::Order order;
  };
  std::vector<Column> columns_;
};

/// Bytes that sort the other way round, as those of a descending column do.
inline std::string turned_over(std::string_view bytes) {
  std::string out(bytes);
  for (char& byte : out) byte = static_cast<char>(~byte);
  return out;
}

}  // namespace leat::op
