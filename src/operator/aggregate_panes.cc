// Windows that overlap, in panes (docs/decisions/0047): a row counts once, in the pane of the
// newest of its windows, and a window's groups are made of size / slide panes when it closes.

#include <cstring>

#include "operator/aggregate_view.h"
#include "operator/window_end.h"

namespace leat::op {
namespace {

/// How many of the first keys say the window.
std::size_t window_keys(const sql::Window& window) {
  return (window.start_key ? 1 : 0) + (window.end_key ? 1 : 0);
}

}  // namespace

bool takes_panes(const AggregateView& view) {
  return !view.query.panes.empty() && view.emit == Emit::on_close && view.late != Late::update &&
         view.query.window->windows_per_row_max() > 1 &&
         std::ranges::all_of(view.query.aggregates, combines);
}

std::uint64_t AggregateViewOperator::shard_hash_of(std::string_view key) const {
  if (!in_panes_) return state::hash_bytes(key);
  const std::size_t window = window_keys(*query_.window) * window_time_bytes;
  return state::hash_bytes(key.substr(std::min(key.size(), window)));
}

void AggregateViewOperator::make_panes_table() {
  state::TableOptions options = resources_.table_options(family_, panes_prefix, record_.layout());
  options.versioned = false;
  panes_ = std::make_unique<state::KeyedTable>(
      std::move(options), resources_.shards, [this](std::string_view key, const std::byte*) {
        return state::KeyedTable::Place{
            state::KeyedTable::shard_of(shard_hash_of(key), resources_.shards), true};
      });
}

/// A row that some of its windows have closed to counts in the others.
void AggregateViewOperator::find_skipped_in_panes(AggregateWork& work,
                                                  std::vector<LateRow>& late) const {
  work.skip.assign(work.rows.size(), 0);
  const std::int64_t* input_rows = input_rows_of(work);
  const sql::Window& window = *query_.window;
  const auto windows = static_cast<std::uint32_t>(window.windows_per_row_max());
  const EventTimeUs closed = clock_.now();
  for (std::size_t row = 0; row < work.skip.size(); ++row) {
    const EventTimeUs newest = work.window_ends[row];
    const EventTimeUs oldest = add_saturated(newest, window.slide_us - window.size_us);
    if (newest != end_of_time && oldest > closed) continue;
    const auto input_row = static_cast<std::uint32_t>(input_rows[row]);
    if (newest == end_of_time) {
      // A row without a time belongs to no window that could ever close.
      late.push_back({input_row});
      work.skip[row] = 1;
    } else if (newest <= closed) {
      late.push_back({input_row, windows});
      work.skip[row] = 1;
    } else {
      const auto gone = static_cast<std::uint32_t>((closed - oldest) / window.slide_us + 1);
      late.push_back({input_row, gone, windows - gone});
    }
  }
}

void AggregateViewOperator::take_pane(Shard& shard, state::Entry* pane) const {
  pane->set(state::Entry::pinned);
  shard.panes.add(head_of(pane->record()).window_end, pane);
}

/// The groups of all windows that end by `time` and have not closed.
Status AggregateViewOperator::make_windows_of_panes(unsigned index, Shard& shard,
                                                    EventTimeUs time) {
  const std::int64_t slide = query_.window->slide_us;
  const std::int64_t reach = query_.window->size_us - slide;
  EventTimeUs from = shard.closed == no_watermark ? no_watermark : shard.closed + 1;
  while (const std::optional<EventTimeUs> pane = shard.panes.first_end_from(from)) {
    // The first window from `from` on that the pane is in.
    EventTimeUs end = add_saturated(*pane, -reach);
    if (end < from) end += (from - end + slide - 1) / slide * slide;
    if (end > time) break;
    LEAT_TRY(make_window(index, shard, end));
    from = end + 1;
  }
  drop_panes(index, shard, time);
  return {};
}

Status AggregateViewOperator::make_window(unsigned index, Shard& shard, EventTimeUs window_end) {
  const sql::Window& window = *query_.window;
  // As keys have them: the start, the end, or the one that there is.
  std::string times;
  if (window.start_key) append_window_time(window_end - window.size_us, times);
  if (window.end_key) append_window_time(window_end, times);
  if (window.start_key > window.end_key) {
    std::rotate(times.begin(), times.begin() + window_time_bytes, times.end());
  }
  state::KeyedShard& panes = panes_->shard(index);
  shard.joined.clear();
  shard.parts.clear();
  Status added;
  shard.panes.for_each_in(window_end, add_saturated(window_end, window.size_us - window.slide_us),
                          [&](const state::Entry* pane) {
                            if (!added) return;
                            shard.joined.add({times, panes.key_of(pane).substr(times.size())});
                            shard.parts.push_back(pane->record());
                            if (shard.parts.size() == chunk_rows_max)
                              added = add_parts(index, shard, window_end);
                          });
  LEAT_TRY(std::move(added));
  return add_parts(index, shard, window_end);
}

/// Adds what has been gathered to the window's groups.
Status AggregateViewOperator::add_parts(unsigned index, Shard& shard, EventTimeUs window_end) {
  state::KeyedShard& groups = groups_->shard(index);
  shard.joined.keys_into(shard.keys);
  const auto lock = groups.lock();
  LEAT_TRY(groups.find_or_create(shard.keys, shard.groups));
  for (std::size_t i = 0; i < shard.parts.size(); ++i) {
    state::Entry* group = shard.groups[i];
    const bool is_new = !group->has(state::Entry::live);
    groups.touch(group);
    head_of(group).rows += head_of(shard.parts[i]).rows;
    head_of(group).window_end = window_end;
    if (is_new) shard.open_groups.fetch_add(1, std::memory_order_relaxed);
    if (!group->has(state::Entry::pinned)) index_group(shard, group);
  }
  for (const auto& accumulator : accumulators_) {
    LEAT_TRY(accumulator->combine({shard.parts, shard.groups, &groups}));
  }
  shard.joined.clear();
  shard.parts.clear();
  return {};
}

/// Lets go of panes whose last window has closed.
void AggregateViewOperator::drop_panes(unsigned index, Shard& shard, EventTimeUs time) {
  state::KeyedShard& panes = panes_->shard(index);
  const auto lock = panes.lock();
  for (state::Entry* pane : shard.panes.take_until(time)) {
    panes.remove(pane);
    panes.unpin(pane);
  }
}

}  // namespace leat::op
