#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/joined_keys.h"
#include "sql/query.h"
#include "state/keyed_table.h"

namespace leat::op {

/// One shard's rows by key, and below that by what they are ordered by: so that the first few of a
/// key are found without looking at the others. Each row (any bytes) is an entry of an ordered
/// KeyedShard with its weight. Who calls holds the lock of table(). Errors are the store's.
class RankedRows {
 public:
  RankedRows(state::KeyedShard& table, const sql::KeyedQuery::Ranking& ranking)
      : table_(table), ranking_(ranking) {}

  static state::TableOptions options_of(state::TableOptions base);
  /// A key's shard is that of its hash, whatever the row.
  static state::KeyedTable::PlaceOf place_of(unsigned shards);

  state::KeyedShard& table() { return table_; }

  struct Row {
    std::string_view key;
    std::string_view order;  ///< by RankOrder
    std::string_view bytes;
    std::int64_t weight = 1;
  };
  /// Adds rows as often as their weight says, or takes them back; what is not there is kept with
  /// its negative weight until it comes.
  Status add(std::span<const Row> rows);

  struct First {
    std::vector<std::pair<std::string_view, std::int64_t>> rows;  ///< bytes, weight
    bool full = false;  ///< there may be others behind these
    /// Of the last row: what comes behind it, when it is full, is none of the first.
    std::string_view order;
  };
  /// The rows of a key that are within the ranking's count. They stay until the epoch ends.
  Status find_first(std::string_view key, First& first);

 private:
  struct Record {
    std::int64_t weight;
    std::uint32_t key_size;
    std::uint32_t order_size;
  };
  static Record& record_of(state::Entry* entry) {
    return *reinterpret_cast<Record*>(entry->record());
  }
  void find_in_memory(std::string_view key, First& first) const;
  Result<bool> load(std::string_view key, const First& first);

  state::KeyedShard& table_;
  const sql::KeyedQuery::Ranking& ranking_;
  // Scratch space.
  JoinedKeys joined_;
  std::vector<state::KeyedShard::Key> keys_;
  std::vector<state::Entry*> entries_;
};

}  // namespace leat::op
