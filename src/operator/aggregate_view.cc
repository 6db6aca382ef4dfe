#include "operator/aggregate_view.h"

namespace leat::op {

Status AggregateViewOperator::prepare() {
  record_.add(sizeof(GroupHead));
  for (const sql::AggregateCall& call : query_.aggregates) {
    const AccumulatorSite site{query_.pre_schema, query_.weighted, record_,
                               encodings_,        details_,        resources_.shards};
    accumulators_.push_back(LEAT_TRY(make_accumulator(call, site)));
  }
  groups_ = std::make_unique<state::KeyedTable>(
      resources_.table_options(family_, rows_prefix, record_.layout()), resources_.shards,
      [this](std::string_view key, const std::byte* record) {
        const unsigned shard = state::KeyedTable::shard_of(shard_hash_of(key), resources_.shards);
        return state::KeyedTable::Place{shard, is_pinned(head_of(record).window_end)};
      });
  if (in_panes_) make_panes_table();
  if (view_.ttl) {
    expiry_ = std::make_unique<Expiry>(resources_.table_options(family_, expiry_prefix),
                                       resources_.shards, *view_.ttl);
  }
  writer_ =
      std::make_unique<GroupRowsWriter>(query_, key_codec_, accumulators_, resources_.database);
  for (unsigned i = 0; i < resources_.shards; ++i) {
    shards_[i].eviction = std::make_unique<EvictionPolicy>(resources_);
    shards_[i].tables.push_back(&groups_->shard(i));
    for (const auto& details : details_.all()) shards_[i].tables.push_back(&details->shard(i));
    if (expiry_) shards_[i].tables.push_back(&expiry_->table(i));
    if (panes_) shards_[i].tables.push_back(&panes_->shard(i));
  }
  (void)LEAT_TRY(pre_.borrow());
  return writer_->prepare();
}

std::string AggregateViewOperator::definition_text() const {
  std::string text = fmt::format("aggregate 1\n{} {}\ncolumns", in_panes_ ? "panes" : "pre",
                                 in_panes_ ? query_.panes : query_.pre);
  for (const Column& column : query_.pre_schema) text += " " + column.type.to_sql();
  text += fmt::format("\nkeys {} weighted {} closes {}\npost {}", query_.key_count, query_.weighted,
                      closes(), query_.post);
  for (const sql::AggregateCall& call : query_.aggregates) {
    text += fmt::format("\naggregate {} distinct {} filter {} of", static_cast<int>(call.function),
                        call.distinct, call.filter ? static_cast<long>(*call.filter) : -1);
    for (const std::size_t argument : call.arguments) text += fmt::format(" {}", argument);
    if (keeps_wide_sum(call)) text += " in 192 bits";
  }
  if (view_.emit == Emit::early) text += "\nuntil its window has closed";
  // How the windows lie is told by `pre`.
  if (query_.window) text += fmt::format("\nwindow {}", query_.window->size_us);
  if (view_.ttl)
    text += view_.ttl->by == TimeToLive::By::event_time ? "\nlives" : "\nlives by clock";
  if (view_.late == Late::update) {
    text += fmt::format("\nlate rows update for {}", view_.allowed_lateness_us);
  }
  return text;
}

Status AggregateViewOperator::merge(unsigned index, const EpochContext& context,
                                    std::vector<ChangeChunk>& output) {
  Shard& shard = shards_[index];
  state::KeyedShard& groups = groups_->shard(index);
  for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
  shard.eviction->apply(shard.tables);
  shard.closed = clock_.before(context.epoch);
  LEAT_TRY(ensure_only_group(index, shard));
  for (const AggregateWork* work : pending_.in_order()) {
    const auto lock = (panes_ ? panes_->shard(index) : groups).lock();
    LEAT_TRY(merge_work(*work, index, context, shard));
  }
  if (query_.weighted && query_.key_count > 0) end_empty_groups(groups, shard);
  if (expiry_) LEAT_TRY(end_groups(index, context));
  const bool updates = !closes() || view_.late == Late::update;
  if (context.changes_wanted && updates) LEAT_TRY(emit_changes(groups, shard, output));
  if (keeps_windows_) LEAT_TRY(close_windows(index, context, shard, output));
  state::publish_counts(shard.tables);
  pending_.merged();
  return {};
}

Status AggregateViewOperator::ensure_only_group(unsigned index, Shard& shard) {
  const state::KeyedShard::Key key{{}, state::hash_bytes({})};
  if (query_.key_count > 0 || shard.has_only_group ||
      state::KeyedTable::shard_of(key.hash, resources_.shards) != index) {
    return {};
  }
  state::KeyedShard& groups = groups_->shard(index);
  const auto lock = groups.lock();
  LEAT_TRY(groups.find_or_create({&key, 1}, shard.groups));
  if (!shard.groups[0]->has(state::Entry::live)) groups.touch(shard.groups[0]);
  shard.has_only_group = true;
  return {};
}

Status AggregateViewOperator::merge_work(const AggregateWork& work, unsigned index,
                                         const EpochContext& context, Shard& shard) {
  const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
  if (rows.empty()) return {};
  state::KeyedShard& groups = (panes_ ? panes_ : groups_)->shard(index);
  shard.keys.clear();
  for (const std::uint32_t row : rows) shard.keys.push_back({work.keys[row], work.hashes[row]});
  LEAT_TRY(groups.find_or_create(shard.keys, shard.groups));
  shard.weights.clear();
  if (work.weights != nullptr) {
    for (const std::uint32_t row : rows) shard.weights.push_back(work.weights[row]);
  }
  GroupRows taken{&work.rows,    &work.encoded, rows, std::span(shard.groups),
                  shard.weights, &groups,       index};
  if (expiry_) return touch_living(work, taken, context, shard);
  touch_groups(work, taken, shard);
  return update(taken, shard);
}

void AggregateViewOperator::touch_groups(const AggregateWork& work, const GroupRows& rows,
                                         Shard& shard) {
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    state::Entry* group = rows.groups[i];
    const bool is_new = !group->has(state::Entry::live);
    rows.table->touch(group);
    head_of(group).rows += rows.weight(i);
    if (!keeps_windows_) continue;
    head_of(group).window_end = work.window_ends[rows.rows[i]];
    if (panes_) {
      if (!group->has(state::Entry::pinned)) take_pane(shard, group);
      continue;
    }
    if (is_new && is_open(shard, group)) shard.open_groups.fetch_add(1, std::memory_order_relaxed);
    if (!group->has(state::Entry::pinned)) index_group(shard, group);
  }
}

Status AggregateViewOperator::update(const GroupRows& rows, Shard& shard) {
  for (std::size_t i = 0; i < accumulators_.size(); ++i) {
    const std::optional<std::size_t>& filter = query_.aggregates[i].filter;
    if (!filter) {
      LEAT_TRY(accumulators_[i]->update(rows));
      continue;
    }
    const duckdb_vector vector = rows.chunk->vector(*filter);
    const auto* yes = static_cast<const bool*>(duckdb_vector_get_data(vector));
    const std::uint64_t* validity = duckdb_vector_get_validity(vector);
    LEAT_TRY(accumulators_[i]->update(shard.filtered.select(
        rows, [&](std::uint32_t row) { return is_valid(validity, row) && yes[row]; })));
  }
  return {};
}

void AggregateViewOperator::index_group(Shard& shard, state::Entry* group) const {
  const EventTimeUs window_end = head_of(group).window_end;
  group->set(state::Entry::pinned);
  if (is_open(shard, group)) {
    shard.open.add(window_end, group);
  } else if (settles() && window_end > settled_by(shard.closed)) {
    shard.settling.add(window_end, group);
  } else {
    shard.retained.add(window_end, group);
  }
}

void AggregateViewOperator::end_empty_groups(state::KeyedShard& groups, Shard& shard) const {
  const auto lock = groups.lock();
  for (std::size_t i = 0; i < groups.touched().size(); ++i) {
    state::Entry* group = groups.touched()[i];
    if (!group->has(state::Entry::live) || head_of(group).rows != 0) continue;
    groups.remove(group);
    if (is_open(shard, group)) shard.open_groups.fetch_sub(1, std::memory_order_relaxed);
  }
}

/// Where windows close, of those alone that had closed before: the others are given out as a whole
/// when they close.
Status AggregateViewOperator::emit_changes(const state::KeyedShard& groups, const Shard& shard,
                                           std::vector<ChangeChunk>& output) {
  std::vector<GroupRowsWriter::Turned> turned;
  const auto flush = [&]() -> Status {
    if (!turned.empty()) LEAT_TRY(writer_->write_changes(turned, output));
    turned.clear();
    return {};
  };
  for (const state::Entry* group : groups.touched()) {
    const std::byte* before = groups.before(group);
    const std::byte* after = group->has(state::Entry::live) ? group->record() : nullptr;
    if (before == nullptr && after == nullptr) continue;
    if (is_open(shard, group)) continue;
    turned.push_back({groups.key_of(group), before, after});
    if (turned.size() == chunk_rows_max / 2) LEAT_TRY(flush());
  }
  return flush();
}

Status AggregateViewOperator::persist(unsigned index, state::CommitBatch& batch) {
  for (state::KeyedShard* table : shards_[index].tables) table->persist(batch);
  if (index != 0) return {};
  definition_.persist(family_, batch);
  const EventTimeUs time = clock_.now();
  if (time != stored_time_) {
    batch.put(family_, watermark_key,
              std::string_view(reinterpret_cast<const char*>(&time), sizeof time));
    stored_time_ = time;
  }
  return {};
}

Status AggregateViewOperator::restore() {
  LEAT_TRY(definition_.check(resources_.store, family_));
  const std::optional<std::string> time = LEAT_TRY(resources_.store.get(family_, watermark_key));
  if (time && time->size() == sizeof stored_time_) {
    std::memcpy(&stored_time_, time->data(), sizeof stored_time_);
    clock_.restore(stored_time_);
  }
  LEAT_TRY(
      groups_->restore(resources_.bytes_max_a_shard(), [&](unsigned index, state::Entry* group) {
        if (!group->has(state::Entry::pinned)) return;
        Shard& shard = shards_[index];
        shard.closed = clock_.now();
        if (is_open(shard, group)) shard.open_groups.fetch_add(1, std::memory_order_relaxed);
        index_group(shard, group);
      }));
  for (const auto& details : details_.all())
    LEAT_TRY(details->restore(resources_.bytes_max_a_shard()));
  if (panes_) {
    LEAT_TRY(panes_->restore(
        resources_.bytes_max_a_shard(),
        [&](unsigned index, state::Entry* pane) { take_pane(shards_[index], pane); }));
  }
  if (expiry_) LEAT_TRY(expiry_->restore(resources_.bytes_max_a_shard()));
  return {};
}

Status AggregateViewOperator::scan(const state::Snapshot& snapshot,
                                   const std::function<bool(const Chunk&)>& row_sink) const {
  const EventTimeUs closed = clock_.at(snapshot.epoch());
  const std::size_t record_size = record_.layout().size;
  GroupRowsWriter::Groups groups;
  Status written;
  bool wanted = true;
  bool any = false;
  const auto write = [&] {
    written = writer_->write(groups, [&](Chunk rows) -> Status {
      if (rows.size() > 0 && wanted) wanted = row_sink(rows);
      return {};
    });
    return written.has_value() && wanted;
  };
  LEAT_TRY(groups_->scan(snapshot, [&](const state::KeyedTable::Piece& piece) {
    groups.clear();
    for (std::size_t i = 0; i < piece.keys.size(); ++i) {
      const std::byte* record = piece.records.data() + i * record_size;
      if (closes() && head_of(record).window_end > closed) continue;
      groups.add(piece.keys[i], record);
    }
    any = true;
    return write();
  }));
  if (!written) return written;
  if (any || query_.key_count > 0) return {};
  // The one group of an aggregate without GROUP BY is there before any row came.
  const std::vector<std::byte> nothing(record_size);
  groups.clear();
  groups.add({}, nothing.data());
  write();
  return written;
}

namespace {

Status check_windows(const std::string& name, const AggregateView& view) {
  if (!view.end_windows()) return {};
  if (view.query.window_key) return {};
  return user_error("not-incremental",
                    "view `{}` has no windows that could close: select FROM tumble(…) and "
                    "GROUP BY window_start, or leave out `emit: on_close` and `retain`",
                    name);
}

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_aggregate_view(const std::string& name,
                                                          const AggregateView& view,
                                                          const Schema& input,
                                                          const Resources& resources) {
  LEAT_TRY(check_windows(name, view));
  for (const Schema* schema : {&view.query.pre_schema, &view.query.output}) {
    for (const Column& column : *schema) {
      if (VectorShape::supports(column.type)) continue;
      return user_error("unsupported-type",
                        "view `{}` cannot keep column `{}` of type {}; cast it to VARCHAR", name,
                        column.name, column.type.to_sql());
    }
  }
  state::Family* family = LEAT_TRY(resources.store.family(family_of_view(name)));
  auto made = std::make_unique<AggregateViewOperator>(name, view, input, resources, *family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
