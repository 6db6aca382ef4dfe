#include "operator/aggregate_view.h"

namespace leat::op {
namespace {

/// How many groups are looked at under one lock.
constexpr std::size_t groups_at_once = 256;

}  // namespace

/// Takes rows into groups that live for a time: a row that comes when its group is over begins it
/// anew, so that it does not matter where epochs begin.
Status AggregateViewOperator::touch_living(const AggregateWork& work, const GroupRows& rows,
                                           const EpochContext& context, Shard& shard) {
  std::size_t begin = 0;
  const auto take_until = [&](std::size_t end) -> Status {
    GroupRows part = rows;
    part.rows = rows.rows.subspan(begin, end - begin);
    part.groups = rows.groups.subspan(begin, end - begin);
    if (!rows.weights.empty()) part.weights = rows.weights.subspan(begin, end - begin);
    begin = end;
    return part.rows.empty() ? Status() : update(part, shard);
  };
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    state::Entry* group = rows.groups[i];
    const EventTimeUs row_time = work.times.empty() ? no_watermark : work.times[rows.rows[i]];
    const EventTimeUs time = expiry_->touch_time(context, row_time);
    if (group->has(state::Entry::live) && expiry_->is_over(head_of(group).touched(), time)) {
      LEAT_TRY(take_until(i));
      LEAT_TRY(end_group(rows.shard, group));
    }
    const bool is_new = !group->has(state::Entry::live);
    rows.table->touch(group);
    GroupHead& head = head_of(group);
    head.rows += rows.weight(i);
    head.touched() = is_new ? time : std::max(head.touched(), time);
    if (is_new) LEAT_TRY(expiry_->watch(rows.shard, rows.table->key_of(group), time));
  }
  return take_until(rows.rows.size());
}

Status AggregateViewOperator::end_group(unsigned index, state::Entry* group) {
  state::KeyedShard& groups = groups_->shard(index);
  for (const auto& details : details_.all()) {
    LEAT_TRY(details->drop_group(index, groups.key_of(group)));
  }
  groups.remove(group);
  return {};
}

/// Ends the groups that are over; their rows leave the view like any that are taken back.
Status AggregateViewOperator::end_groups(unsigned index, const EpochContext& context) {
  const EventTimeUs now = expiry_->now(context);
  std::vector<std::string> due;
  LEAT_TRY(expiry_->take_due(index, now, due));
  state::KeyedShard& groups = groups_->shard(index);
  for (std::size_t begin = 0; begin < due.size(); begin += groups_at_once) {
    const auto lock = groups.lock();
    for (std::size_t i = begin; i < std::min(due.size(), begin + groups_at_once); ++i) {
      state::Entry* group = LEAT_TRY(groups.find({due[i], state::hash_bytes(due[i])}));
      if (group == nullptr) continue;
      const EventTimeUs touched = head_of(group).touched();
      if (expiry_->is_over(touched, now)) {
        LEAT_TRY(end_group(index, group));
      } else {
        LEAT_TRY(expiry_->watch(index, groups.key_of(group), touched));
      }
    }
  }
  return {};
}

}  // namespace leat::op
