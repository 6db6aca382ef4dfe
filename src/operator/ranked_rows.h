#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/ordered_rows.h"
#include "sql/query.h"

namespace leat::op {

/// One shard's rows in their order, of which the first few of a key are found without looking at
/// the others. Who calls holds the lock of rows().table(). Errors are the store's.
class RankedRows {
 public:
  RankedRows(state::KeyedShard& table, const sql::KeyedQuery::Ranking& ranking)
      : rows_(table), ranking_(ranking) {}

  OrderedRows& rows() { return rows_; }

  struct First {
    std::vector<std::pair<std::string_view, std::int64_t>> rows;  ///< bytes, weight
    bool full = false;  ///< there may be others behind these
    /// Of the last row: what comes behind it, when it is full, is none of the first.
    std::string_view order;
  };
  /// The rows of a key that are within the ranking's count. They stay until the epoch ends.
  Status find_first(std::string_view key, First& first);

 private:
  void find_in_memory(std::string_view key, First& first);
  Result<bool> load(std::string_view key, const First& first);

  OrderedRows rows_;
  const sql::KeyedQuery::Ranking& ranking_;
};

}  // namespace leat::op
