#include <algorithm>

#include "operator/keyed_view.h"
#include "state/hash.h"

namespace leat::op {

Status KeyedViewOperator::take_ranked(const KeyedWork& work, unsigned index, Shard& shard) {
  const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
  if (rows.empty()) return {};
  shard.keys.clear();
  std::vector<OrderedRows::Row> ranked;
  for (const std::uint32_t row : rows) {
    shard.keys.push_back({work.keys[row], work.hashes[row]});
    ranked.push_back({work.keys[row], work.orders[row], work.rows[row], work.weight(row)});
  }
  {
    const auto lock = outputs_.shard(index).lock();
    LEAT_TRY(outputs_.shard(index).find_or_create(shard.keys, shard.entries));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    touch(shard, shard.entries[i]);
    const std::size_t at = shard.touched_at.at(shard.entries[i]);
    if (at < shard.lowest.size()) {
      shard.lowest[at] = std::min(shard.lowest[at], ranked[i].order);
      continue;
    }
    // A query without keys may have been touched before its first row came.
    shard.lowest.resize(at);
    shard.lowest.push_back(ranked[i].order);
  }
  const auto lock = shard.ranked->rows().table().lock();
  return shard.ranked->rows().add(ranked);
}

/// Runs the query over the first rows of each key, but where all that has changed comes behind
/// them.
Status KeyedViewOperator::run_ranked(unsigned index, Shard& shard) {
  Batch batch(1);
  RankedRows::First first;
  for (std::size_t i = 0; i < shard.touched.size(); ++i) {
    state::Entry* entry = shard.touched[i];
    {
      const auto lock = shard.ranked->rows().table().lock();
      LEAT_TRY(shard.ranked->find_first(outputs_.shard(index).key_of(entry), first));
    }
    const bool has_changed = i < shard.lowest.size();
    if (first.full && has_changed && shard.lowest[i] > first.order) continue;
    batch.feed.begin_unit();
    batch.entries.push_back(entry);
    batch.survivors.push_back(nullptr);
    const bool apart = query_.ranking->ties == sql::KeyedQuery::Ranking::Ties::apart;
    for (const auto& [row, weight] : first.rows) {
      batch.feed.add(0, row, apart ? std::min(weight, query_.ranking->count) : weight);
    }
    if (batch.feed.full()) LEAT_TRY(run(index, shard, batch));
  }
  return run(index, shard, batch);
}

}  // namespace leat::op
