#include "operator/session_view.h"

#include <algorithm>

#include "base/check.h"
#include "model/column_types.h"
#include "operator/keyed_view.h"
#include "operator/row_list.h"
#include "state/hash.h"

namespace leat::op {

SessionViewOperator::SessionViewOperator(const std::string& name, const KeyedView& view,
                                         const std::vector<Schema>& inputs,
                                         const Resources& resources, state::Family& family)
    : view_(view),
      query_(view_.query),
      session_(*view_.query.session),
      resources_(resources),
      family_(family),
      definition_(name, definition_of(view)),
      inputs_(query_.inputs, query_.key_count, inputs, resources),
      runner_(query_, inputs_, resources.database),
      clock_(resources.timeline) {
  pages_ = std::make_unique<RowPagesTable>(
      resources.table_options(family, details_prefix_of(0)), resources.shards,
      RowPagesTable::Layout{.tail_bytes = SessionKeys::id_bytes});
  const bool retains = view.retain_us.has_value();
  outputs_ = std::make_unique<state::KeyedTable>(
      resources.table_options(
          family, rows_prefix,
          {sizeof(Record), {offsetof(Record, output) + offsetof(KeyedOutput, rows)}}),
      resources.shards,
      [shards = resources.shards, retains](std::string_view key, const std::byte* record) {
        key.remove_suffix(SessionKeys::id_bytes);
        return state::KeyedTable::Place{state::KeyedTable::shard_of(state::hash_bytes(key), shards),
                                        retains || Record::of(record).closed == 0};
      });
  for (unsigned i = 0; i < resources.shards; ++i) {
    Shard& shard = shards_.emplace_back(OpenSessions::Times{session_.gap_us, keep_us(), closes()});
    shard.eviction = std::make_unique<EvictionPolicy>(resources);
    shard.writer = std::make_unique<KeyedOutputWriter>(outputs_->shard(i), row_count_);
    shard.tables = {&outputs_->shard(i), &pages(i).table()};
  }
}

Status SessionViewOperator::prepare() {
  LEAT_TRY(inputs_.prepare());
  return runner_.prepare();
}

Status SessionViewOperator::absorb(unsigned worker, const EpochContext&, std::size_t input,
                                   const ChangeChunk& changes, std::vector<LateRow>& late) {
  LEAT_TRY(inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
    find_late(rows, work, late);
  }));
  // Once for each row, however many its SQL has made of it.
  std::ranges::sort(late, {}, &LateRow::row);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < late.size(); ++i) {
    if (kept > 0 && late[kept - 1].row == late[i].row) {
      ++late[kept - 1].closed;
    } else {
      late[kept++] = late[i];
    }
  }
  late.resize(kept);
  return {};
}

void SessionViewOperator::find_late(const InputRows& rows, KeyedWork& work,
                                    std::vector<LateRow>& late) const {
  const duckdb_vector vector = rows.rows().vector(session_.time_column);
  const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  const EventTimeUs gone = clock_.now();
  work.times.assign(times, times + rows.size());
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    if (work.skip[row] != 0) continue;
    // A row without a time belongs to no session that could ever close.
    const bool homeless = !is_valid(validity, row) ||
                          OpenSessions::end_of(times[row], session_.gap_us) == end_of_time;
    const bool taken_back = work.weight(row) < 0;
    if (!homeless && (taken_back || times[row] >= gone)) continue;
    work.skip[row] = 1;
    if (!taken_back) late.push_back({rows.input_row(row)});
  }
}

Status SessionViewOperator::merge(unsigned index, const EpochContext& context,
                                  std::vector<ChangeChunk>& output) {
  Shard& shard = shards_[index];
  for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
  shard.eviction->apply(shard.tables);
  for (const KeyedWork* work : inputs_.in_order()) LEAT_TRY(add_rows(*work, index, shard));
  if (weighted()) {
    // After all that was put in, in whatever order both arrived.
    for (const KeyedWork* work : inputs_.in_order()) LEAT_TRY(take_rows_back(*work, index, shard));
    LEAT_TRY(split_sessions(index, shard));
  }
  LEAT_TRY(write_bounds(index, shard));
  Sessions changed;
  for (OpenSessions::Key* key : shard.touched) {
    key->touched = false;
    for (OpenSession& session : key->sessions) {
      if (std::exchange(session.changed, false)) changed.push_back(&session);
    }
  }
  if (!closes()) LEAT_TRY(run(changed, index, shard));
  LEAT_TRY(close_sessions(context, changed, index, shard));
  shard.touched.clear();
  if (context.changes_wanted) {
    // What one session loses another may have gained.
    LEAT_TRY(write_output_changes(outputs_->shard(index), runner_.output_codec(), query_.output,
                                  true, output));
  }
  if (view_.retain_us && context.watermark != no_watermark && context.watermark != end_of_time) {
    EventTimeUs time;
    if (!__builtin_sub_overflow(context.watermark, *view_.retain_us, &time)) {
      forget_sessions(index, shard, time);
    }
  }
  state::publish_counts(shard.tables);
  shard.open_bytes.store(shard.open.memory_bytes(), std::memory_order_relaxed);
  inputs_.merged();
  return {};
}

Status SessionViewOperator::close_sessions(const EpochContext& context, const Sessions& changed,
                                           unsigned index, Shard& shard) {
  EventTimeUs time = context.watermark;
  // When the input has ended every session closes, but time has not come to an end: others may
  // still open in a later run.
  if (time == end_of_time) time = shard.open.last_end();
  if (time == no_watermark) return {};
  if (closes() && keep_us() > 0) LEAT_TRY(reopen(changed, time, index, shard));
  const std::vector<OpenSessions::Key*> due = shard.open.take_due(time);
  const EventTimeUs kept_to = add_saturated(time, -keep_us());
  Sessions ended, closed;
  for (OpenSessions::Key* key : due) {
    for (OpenSession& session : key->sessions) {
      const EventTimeUs end = shard.open.end_of(session);
      if (end <= time && !std::exchange(session.given, true)) ended.push_back(&session);
      if (end <= kept_to) closed.push_back(&session);
    }
  }
  if (closes()) LEAT_TRY(run(ended, index, shard));
  LEAT_TRY(close(closed, index, shard));
  for (OpenSessions::Key* key : due) shard.open.close(*key, kept_to);
  clock_.advance(context.epoch, kept_to);
  return {};
}

/// Sessions that have changed are to be given out, perhaps anew, when they are over. Those that
/// were given out and are not over any more are taken back.
Status SessionViewOperator::reopen(const Sessions& changed, EventTimeUs time, unsigned index,
                                   Shard& shard) {
  state::KeyedShard& outputs = outputs_->shard(index);
  for (OpenSession* session : changed) {
    session->given = false;
    const bool shown = KeyedOutput::of(session->entry->record()).row_count > 0;
    if (!shown || shard.open.end_of(*session) <= time) continue;
    const auto lock = outputs.lock();
    std::vector<std::string_view> none;
    LEAT_TRY(shard.writer->replace(session->entry, none));
  }
  for (OpenSessions::Key* key : shard.touched) shard.open.schedule_first_to_give(*key);
  return {};
}

/// Finds the groups of these sessions' rows, in `shard.groups`.
Status SessionViewOperator::find_groups(std::span<OpenSession* const> sessions, unsigned index,
                                        Shard& shard) {
  std::vector<std::string_view> keys;
  for (const OpenSession* session : sessions) {
    keys.push_back(outputs_->shard(index).key_of(session->entry));
  }
  return pages(index).find(keys, shard.groups);
}

Status SessionViewOperator::run(const Sessions& sessions, unsigned index, Shard& shard) {
  KeyedFeed feed(1);
  std::vector<state::Entry*> entries;
  const std::size_t prefix = weighted() ? sizeof(EventTimeUs) : 0;
  const std::span<OpenSession* const> all = sessions;
  for (std::size_t begin = 0; begin < all.size(); begin += chunk_rows_max) {
    const auto some = all.subspan(begin, std::min(chunk_rows_max, all.size() - begin));
    {
      const auto lock = pages(index).table().lock();
      LEAT_TRY(find_groups(some, index, shard));
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      feed.begin_unit({some[i]->start, shard.open.end_of(*some[i])});
      entries.push_back(some[i]->entry);
      {
        const auto lock = pages(index).table().lock();
        LEAT_TRY(pages(index).for_each(shard.groups[i], [&](const RowPages::Row& row) {
          feed.add(0, row.bytes.substr(prefix), row.weight);
          return true;
        }));
      }
      if (feed.full()) LEAT_TRY(run_batch(feed, entries, index, shard));
    }
  }
  return run_batch(feed, entries, index, shard);
}

Status SessionViewOperator::run_batch(KeyedFeed& feed, std::vector<state::Entry*>& entries,
                                      unsigned index, Shard& shard) {
  state::KeyedShard& outputs = outputs_->shard(index);
  LEAT_TRY(runner_.run(feed, [&](const KeyedRunner::Result& result) -> Status {
    const auto lock = outputs.lock();
    state::Entry* entry = entries[result.unit];
    const Status replaced = shard.writer->replace(entry, result.rows);
    if (replaced || replaced.error().domain != Domain::user) return replaced;
    runner_.note_refusal(replaced.error().message);
    result.rows.clear();
    return shard.writer->replace(entry, result.rows);
  }));
  feed.clear();
  entries.clear();
  return {};
}

/// Makes what these sessions gave final, and forgets their rows.
Status SessionViewOperator::close(const Sessions& sessions, unsigned index, Shard& shard) {
  {
    const auto lock = pages(index).table().lock();
    LEAT_TRY(find_groups(sessions, index, shard));
    for (const RowPages::Group group : shard.groups) LEAT_TRY(pages(index).drop(group));
  }
  state::KeyedShard& outputs = outputs_->shard(index);
  const auto lock = outputs.lock();
  for (const OpenSession* session : sessions) {
    if (KeyedOutput::of(session->entry->record()).row_count == 0) {
      shard.writer->end(session->entry);
    } else {
      Record::of(outputs.touch(session->entry)).closed = 1;
      if (view_.retain_us) {
        shard.retained.add(shard.open.end_of(*session), session->entry);
        continue;
      }
    }
    outputs.unpin(session->entry);
  }
  return {};
}

/// They leave the view without a change, as windows do.
void SessionViewOperator::forget_sessions(unsigned index, Shard& shard, EventTimeUs time) {
  state::KeyedShard& outputs = outputs_->shard(index);
  const auto lock = outputs.lock();
  for (state::Entry* entry : shard.retained.take_until(time)) {
    shard.writer->end(entry);
    outputs.unpin(entry);
  }
}

Status SessionViewOperator::persist(unsigned index, state::CommitBatch& batch) {
  for (state::KeyedShard* table : shards_[index].tables) table->persist(batch);
  if (index != 0) return {};
  definition_.persist(family_, batch);
  row_count_.persist(family_, batch);
  clock_.persist(family_, batch);
  return {};
}

Status SessionViewOperator::restore() {
  LEAT_TRY(definition_.check(resources_.store, family_));
  LEAT_TRY(row_count_.restore(resources_.store, family_));
  LEAT_TRY(clock_.restore(resources_.store, family_));
  LEAT_TRY(
      outputs_->restore(resources_.bytes_max_a_shard(), [&](unsigned index, state::Entry* entry) {
        if (!entry->has(state::Entry::pinned)) return;
        Shard& shard = shards_[index];
        const Record& record = Record::of(entry->record());
        const OpenSession session{.id = SessionKeys::id_of(outputs_->shard(index).key_of(entry)),
                                  .start = record.start,
                                  .last = record.last,
                                  .entry = entry,
                                  .changed = false,
                                  .shrunk = false,
                                  .given = record.output.row_count > 0};
        if (record.closed != 0) {
          shard.retained.add(shard.open.end_of(session), entry);
          return;
        }
        std::string_view key = outputs_->shard(index).key_of(entry);
        key.remove_suffix(SessionKeys::id_bytes);
        shard.open.restore(shard.open.key(key), session);
      }));
  return pages_->restore(resources_.bytes_max_a_shard());
}

Status SessionViewOperator::scan(const state::Snapshot& snapshot,
                                 const std::function<bool(const Chunk&)>& row_sink) const {
  return scan_outputs(*outputs_, sizeof(Record), query_.output, runner_.output_codec(), snapshot,
                      row_sink);
}

std::uint64_t SessionViewOperator::memory_bytes() const {
  std::uint64_t bytes = outputs_->memory_bytes() + pages_->memory_bytes();
  for (const Shard& shard : shards_) bytes += shard.open_bytes.load(std::memory_order_relaxed);
  return bytes;
}

}  // namespace leat::op
