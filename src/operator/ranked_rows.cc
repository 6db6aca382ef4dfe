#include "operator/ranked_rows.h"

namespace leat::op {
namespace {

using Ties = sql::KeyedQuery::Ranking::Ties;

constexpr std::size_t loaded_at_once = 256;

}  // namespace

Status RankedRows::find_first(std::string_view key, First& first) {
  do {
    find_in_memory(key, first);
  } while (!rows_.table().is_complete() && LEAT_TRY(load(key, first)));
  return {};
}

void RankedRows::find_in_memory(std::string_view key, First& first) {
  first.rows.clear();
  first.full = false;
  first.order = {};
  std::int64_t count = 0;  // of rows, or of orders that differ
  rows_.table().for_each_entry(key, state::end_of_prefix(key), [&](state::Entry* entry) {
    const OrderedRows::Row row = rows_.row_of(entry);
    if (row.weight < 0) return true;
    const bool same = !first.rows.empty() && row.order == first.order;
    if (count >= ranking_.count && !(same && ranking_.ties != Ties::apart)) {
      first.full = true;
      return false;
    }
    if (ranking_.ties != Ties::as_one) {
      count += row.weight;
    } else if (!same) {
      ++count;
    }
    first.order = row.order;
    first.rows.emplace_back(row.bytes, row.weight);
    return true;
  });
  first.full |= count >= ranking_.count;
}

/// Brings some of the key's rows that may come before the last of these into memory; false: there
/// are none.
Result<bool> RankedRows::load(std::string_view key, const First& first) {
  const std::string end = first.full ? state::end_of_prefix(std::string(key).append(first.order))
                                     : state::end_of_prefix(key);
  return LEAT_TRY(rows_.table().load_range(key, end, loaded_at_once)) > 0;
}

}  // namespace leat::op
