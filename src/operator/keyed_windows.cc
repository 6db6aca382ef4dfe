#include <algorithm>

#include "operator/keyed_view.h"
#include "state/hash.h"

namespace leat::op {

/// Leaves out rows whose windows take none any more, and says of each how many of its windows those
/// are. A row that is taken back from such a window changes nothing: it is final.
Status KeyedViewOperator::absorb_windows(unsigned worker, std::size_t input,
                                         const ChangeChunk& changes, std::vector<LateRow>& late) {
  const EventTimeUs gone = settled_by(clock_.now());
  std::vector<LateRow> counted(changes.rows.size());
  for (LateRow& row : counted) row.closed = 0;
  LEAT_TRY(inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      if (work.skip[row] != 0) continue;
      const EventTimeUs end = end_of(work.keys[row]);
      const bool homeless = view_.emit != Emit::on_update && end == end_of_time;
      LateRow& count = counted[rows.input_row(row)];
      if (end > gone && !homeless) {
        ++count.open;
        continue;
      }
      work.skip[row] = 1;
      if (work.weight(row) > 0) ++count.closed;
    }
  }));
  for (std::uint32_t row = 0; row < counted.size(); ++row) {
    if (counted[row].closed == 0) continue;
    counted[row].row = row;
    late.push_back(counted[row]);
  }
  return {};
}

/// How far windows have closed with this epoch. When the input has ended all of them do, but time
/// has not come to an end: others may still open in a later run.
EventTimeUs KeyedViewOperator::time_of(const EpochContext& context, const Shard& shard) const {
  if (context.watermark != end_of_time) return context.watermark;
  EventTimeUs last = no_watermark;
  if (view_.emit == Emit::on_update) return last;
  for (const auto* groups : {&shard.open, &shard.settling}) {
    for (const WindowIndex& windows : *groups) last = std::max(last, windows.last_end());
  }
  return last;
}

void KeyedViewOperator::index_group(std::size_t input, unsigned index, RowPages::Group group) {
  Shard& shard = shards_[index];
  const std::string_view key = pages_[input]->shard(index).key_of(group);
  (is_open(shard, key) ? shard.open : shard.settling)[input].add(end_of(key), group);
}

/// The keys of windows that have come to their end are to be run.
Status KeyedViewOperator::close_windows(EventTimeUs time, unsigned index, Shard& shard) {
  if (time <= shard.closed) return {};
  shard.closed = time;
  state::KeyedShard& outputs = outputs_.shard(index);
  for (std::size_t input = 0; input < pages_.size(); ++input) {
    const RowPages& pages = pages_[input]->shard(index);
    shard.keys.clear();
    for (state::Entry* group : shard.open[input].take_until(time)) {
      const std::string_view key = pages.key_of(group);
      shard.keys.push_back({key, state::hash_bytes(key)});
      shard.settling[input].add(end_of(key), group);
    }
    const auto lock = outputs.lock();
    LEAT_TRY(outputs.find_or_create(shard.keys, shard.entries));
    for (state::Entry* entry : shard.entries) touch(shard, entry);
  }
  return {};
}

/// Forgets the rows of windows that take no more, and the results of those that ended long ago.
Status KeyedViewOperator::settle_windows(const EpochContext& context, EventTimeUs time,
                                         unsigned index, Shard& shard) {
  if (time == no_watermark) return {};
  for (std::size_t input = 0; input < pages_.size(); ++input) {
    RowPages& pages = pages_[input]->shard(index);
    const auto lock = pages.table().lock();
    for (state::Entry* group : shard.settling[input].take_until(settled_by(time))) {
      LEAT_TRY(pages.drop(group));
      pages.unpin(group);
    }
  }
  clock_.advance(context.epoch, time);
  if (!view_.retain_us || context.watermark == end_of_time) return {};
  state::KeyedShard& outputs = outputs_.shard(index);
  const auto lock = outputs.lock();
  for (state::Entry* entry : shard.retained.take_until(add_saturated(time, -*view_.retain_us))) {
    shard.writer->end(entry);
    outputs.unpin(entry);
  }
  return {};
}

/// Keeps a result at hand that is to be forgotten some day.
void KeyedViewOperator::retain(Shard& shard, unsigned index, state::Entry* entry) {
  if (!windowed_ || !view_.retain_us || entry->has(state::Entry::pinned)) return;
  state::KeyedShard& outputs = outputs_.shard(index);
  outputs.pin(entry);
  shard.retained.add(end_of(outputs.key_of(entry)), entry);
}

}  // namespace leat::op
