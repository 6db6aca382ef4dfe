#include "model/chunk_copy.h"
#include "operator/aggregate_view.h"

namespace leat::op {

Status AggregateViewOperator::close_windows(unsigned index, const EpochContext& context,
                                            Shard& shard, std::vector<ChangeChunk>& output) {
  EventTimeUs time = context.watermark;
  // When the input has ended everything closes, but time has not come to an end: windows that are
  // not there yet may still open in a later run, and nothing is forgotten.
  if (time == end_of_time) {
    time =
        settles()
            ? std::max({shard.open.last_end(), shard.settling.last_end(), shard.panes.last_end()})
            : no_watermark;
  }
  if (time == no_watermark) return {};
  if (in_panes_) LEAT_TRY(make_windows_of_panes(index, shard, time));
  if (closes()) {
    const std::vector<state::Entry*> closed = shard.open.take_until(time);
    GroupRowsWriter::Groups groups;
    const auto flush = [&]() -> Status {
      LEAT_TRY(writer_->write(groups, [&](Chunk rows) -> Status {
        output.push_back({copy_of(rows), {}, 0, {}});
        return {};
      }));
      groups.clear();
      return {};
    };
    state::KeyedShard& table = groups_->shard(index);
    for (const state::Entry* group : closed) {
      if (!context.changes_wanted || !group->has(state::Entry::live)) continue;
      groups.add(table.key_of(group), group->record());
      if (groups.keys.size() == chunk_rows_max) LEAT_TRY(flush());
    }
    LEAT_TRY(flush());
    const auto lock = table.lock();
    for (state::Entry* group : closed) {
      if (group->has(state::Entry::live)) {
        shard.open_groups.fetch_sub(1, std::memory_order_relaxed);
      }
      shard.settling.add(head_of(group).window_end, group);
    }
  }
  if (settles()) settle_windows(index, shard, settled_by(time));
  clock_.advance(context.epoch, time);
  if (view_.retain_us && context.watermark != end_of_time) {
    forget_windows(index, shard, add_saturated(time, -*view_.retain_us));
  }
  return {};
}

/// Nothing changes these windows any more: what is only needed for that goes.
void AggregateViewOperator::settle_windows(unsigned index, Shard& shard, EventTimeUs time) {
  state::KeyedShard& table = groups_->shard(index);
  for (state::Entry* group : shard.settling.take_until(time)) {
    if (view_.retain_us) {
      shard.retained.add(head_of(group).window_end, group);
    } else {
      table.unpin(group);
    }
  }
  for (const auto& details : details_.all()) details->drop_windows(index, time);
}

void AggregateViewOperator::forget_windows(unsigned index, Shard& shard, EventTimeUs time) {
  const std::vector<state::Entry*> forgotten = shard.retained.take_until(time);
  state::KeyedShard& table = groups_->shard(index);
  const auto lock = table.lock();
  for (state::Entry* group : forgotten) {
    table.remove(group);
    table.unpin(group);
  }
  for (const auto& details : details_.all()) details->drop_windows(index, time);
}

}  // namespace leat::op
