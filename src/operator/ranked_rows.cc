#include "operator/ranked_rows.h"

#include <algorithm>

#include "state/hash.h"

namespace leat::op {
namespace {

using Ties = sql::KeyedQuery::Ranking::Ties;

constexpr std::size_t loaded_at_once = 256;

}  // namespace

state::TableOptions RankedRows::options_of(state::TableOptions base) {
  base.layout = {sizeof(Record), {}};
  base.versioned = false;
  base.ordered = true;
  return base;
}

state::KeyedTable::PlaceOf RankedRows::place_of(unsigned shards) {
  return [shards](std::string_view key, const std::byte* record) {
    const auto size = reinterpret_cast<const Record*>(record)->key_size;
    return state::KeyedTable::Place{
        state::KeyedTable::shard_of(state::hash_bytes(key.substr(0, size)), shards), false};
  };
}

Status RankedRows::add(std::span<const Row> rows) {
  joined_.clear();
  for (const Row& row : rows) joined_.add({row.key, row.order, row.bytes});
  joined_.keys_into(keys_);
  LEAT_TRY(table_.find_or_create(keys_, entries_));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    table_.touch(entries_[i]);
    Record& record = record_of(entries_[i]);
    record.key_size = static_cast<std::uint32_t>(rows[i].key.size());
    record.order_size = static_cast<std::uint32_t>(rows[i].order.size());
    record.weight += rows[i].weight;
    if (record.weight == 0) table_.remove(entries_[i]);
  }
  return {};
}

Status RankedRows::find_first(std::string_view key, First& first) {
  do {
    find_in_memory(key, first);
  } while (!table_.is_complete() && LEAT_TRY(load(key, first)));
  return {};
}

void RankedRows::find_in_memory(std::string_view key, First& first) const {
  first.rows.clear();
  first.full = false;
  first.order = {};
  std::int64_t count = 0;  // of rows, or of orders that differ
  table_.for_each_entry(key, state::end_of_prefix(key), [&](state::Entry* entry) {
    const Record& record = record_of(entry);
    if (record.weight < 0) return true;
    const std::string_view bytes = table_.key_of(entry);
    const std::string_view order = bytes.substr(record.key_size, record.order_size);
    const bool same = !first.rows.empty() && order == first.order;
    if (count >= ranking_.count && !(same && ranking_.ties != Ties::apart)) {
      first.full = true;
      return false;
    }
    if (ranking_.ties != Ties::as_one) {
      count += record.weight;
    } else if (!same) {
      ++count;
    }
    first.order = order;
    first.rows.emplace_back(bytes.substr(record.key_size + record.order_size), record.weight);
    return true;
  });
  first.full |= count >= ranking_.count;
}

/// Brings some of the key's rows that may come before the last of these into memory; false: there
/// are none.
Result<bool> RankedRows::load(std::string_view key, const First& first) {
  const std::string end = first.full ? state::end_of_prefix(std::string(key).append(first.order))
                                     : state::end_of_prefix(key);
  std::vector<std::string> found;
  LEAT_TRY(table_.for_each_in_store(key, end, [&](std::string_view stored) {
    found.emplace_back(stored);
    return found.size() < loaded_at_once;
  }));
  if (found.empty()) return false;
  keys_.clear();
  for (const std::string& row : found) keys_.push_back({row, state::hash_bytes(row)});
  LEAT_TRY(table_.find_or_create(keys_, entries_));
  return true;
}

}  // namespace leat::op
