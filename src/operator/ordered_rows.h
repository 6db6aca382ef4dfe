#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "operator/joined_keys.h"
#include "state/keyed_table.h"

namespace leat::op {

/// One shard's rows by key, and below that by what they are ordered by. Each row (any bytes) is an
/// entry of an ordered KeyedShard with its weight; the entry's key is the row's key, what it is
/// ordered by, and its bytes. Who calls holds the lock of table(). Errors are the store's.
class OrderedRows {
  struct Record {
    std::int64_t weight;
    std::uint32_t key_size;
    std::uint32_t order_size;
  };

 public:
  explicit OrderedRows(state::KeyedShard& table) : table_(table) {}

  /// `base` with what a row needs behind the record that it has. Snapshots of it can be scanned
  /// where it has one.
  static state::TableOptions options_of(state::TableOptions base);
  struct Row {
    std::string_view key;
    std::string_view order;  ///< by RankOrder
    std::string_view bytes;
    std::int64_t weight = 1;
  };
  /// A key's shard is that of its hash, whatever the row. `pinned`: which rows must be in memory;
  /// empty: none.
  /// `record_size`: of the whole record, where there is more than a row needs.
  static state::KeyedTable::PlaceOf place_of(unsigned shards,
                                             std::function<bool(const Row&)> pinned = {},
                                             std::size_t record_size = sizeof(Record));

  state::KeyedShard& table() const { return table_; }

  /// The entries of these rows, created (dead) where missing.
  Status find_or_create(std::span<const Row> rows, std::vector<state::Entry*>& entries);
  /// Adds a row, to its entry, as often as its weight says, or takes it back; what is not there is
  /// kept with its negative weight until it comes.
  void add(state::Entry* entry, const Row& row);
  /// The same of many.
  Status add(std::span<const Row> rows);
  /// The row of a live entry; it stays as long as that.
  Row row_of(const state::Entry* entry) const {
    return row_of(table_.key_of(entry), entry->record());
  }
  /// The same of the entry's key and its record.
  Row row_of(std::string_view entry_key, const std::byte* record) const {
    return row_in(entry_key, record_in(record, table_.record_size()));
  }

 private:
  static Row row_in(std::string_view entry_key, const Record& record) {
    return {entry_key.substr(0, record.key_size),
            entry_key.substr(record.key_size, record.order_size),
            entry_key.substr(record.key_size + record.order_size), record.weight};
  }
  /// It stands at the end.
  static const Record& record_in(const std::byte* record, std::size_t record_size) {
    return *reinterpret_cast<const Record*>(record + record_size - sizeof(Record));
  }

  state::KeyedShard& table_;
  // Scratch space.
  JoinedKeys joined_;
  std::vector<state::KeyedShard::Key> keys_;
  std::vector<state::Entry*> entries_;
};

}  // namespace leat::op
