#include "operator/ordered_rows.h"

#include "state/hash.h"

namespace leat::op {

state::TableOptions OrderedRows::options_of(state::TableOptions base) {
  base.versioned = base.layout.size > 0;
  base.layout.size += sizeof(Record);
  base.ordered = true;
  return base;
}

state::KeyedTable::PlaceOf OrderedRows::place_of(unsigned shards,
                                                 std::function<bool(const Row&)> pinned,
                                                 std::size_t record_size) {
  return [shards, pinned = std::move(pinned), record_size](std::string_view key,
                                                           const std::byte* record) {
    const Row row = row_in(key, record_in(record, record_size));
    return state::KeyedTable::Place{state::KeyedTable::shard_of(state::hash_bytes(row.key), shards),
                                    pinned && pinned(row)};
  };
}

Status OrderedRows::find_or_create(std::span<const Row> rows, std::vector<state::Entry*>& entries) {
  joined_.clear();
  for (const Row& row : rows) joined_.add({row.key, row.order, row.bytes});
  joined_.keys_into(keys_);
  return table_.find_or_create(keys_, entries);
}

void OrderedRows::add(state::Entry* entry, const Row& row) {
  table_.touch(entry);
  Record& record = const_cast<Record&>(record_in(entry->record(), table_.record_size()));
  record.key_size = static_cast<std::uint32_t>(row.key.size());
  record.order_size = static_cast<std::uint32_t>(row.order.size());
  record.weight += row.weight;
  if (record.weight == 0) table_.remove(entry);
}

Status OrderedRows::add(std::span<const Row> rows) {
  LEAT_TRY(find_or_create(rows, entries_));
  for (std::size_t i = 0; i < rows.size(); ++i) add(entries_[i], rows[i]);
  return {};
}

}  // namespace leat::op
