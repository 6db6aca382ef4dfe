#include <atomic>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "operator/accumulator.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/group_rows_writer.h"
#include "operator/pending.h"
#include "operator/value_counts.h"
#include "operator/view.h"
#include "operator/window_clock.h"
#include "state/hash.h"

namespace leat::op {
namespace {

/// One chunk of what `pre` yields, ready for the shards.
struct AggregateWork {
  Chunk rows;
  const std::int64_t* weights = nullptr;  // into rows; null: all +1
  EncodedRows keys;
  std::vector<std::uint64_t> hashes;
  std::vector<EventTimeUs> window_ends;  // where the view has windows
  std::vector<EncodedRows> encoded;
  std::vector<std::uint8_t> skip;  // late rows, and weights of 0
  Scatter scatter;
  std::uint64_t order = 0;

  void reset() {
    rows = Chunk();
    weights = nullptr;
    skip.clear();
  }
};

EventTimeUs add_saturated(EventTimeUs time, std::int64_t delta) {
  EventTimeUs sum;
  if (!__builtin_add_overflow(time, delta, &sum)) return sum;
  return delta > 0 ? end_of_time : no_watermark;
}

struct GroupHead {
  std::int64_t rows;  ///< sum of the weights
  EventTimeUs window_end;
};
static_assert(offsetof(GroupHead, rows) == group_rows_offset);
static_assert(offsetof(GroupHead, window_end) == group_window_offset);

GroupHead& head_of(state::Entry* group) { return *reinterpret_cast<GroupHead*>(group->record()); }
const GroupHead& head_of(const std::byte* record) {
  return *reinterpret_cast<const GroupHead*>(record);
}

std::vector<Type> key_types(const sql::AggregateQuery& query) {
  std::vector<Type> types;
  for (std::size_t i = 0; i < query.key_count; ++i) types.push_back(query.pre_schema[i].type);
  return types;
}

class AggregateViewOperator final : public ViewOperator {
 public:
  AggregateViewOperator(const std::string& name, const AggregateView& view, const Schema& input,
                        const Resources& resources, state::Family& family)
      : view_(view),
        query_(view_.query),
        resources_(resources),
        family_(family),
        keeps_windows_(view.emit == Emit::on_close || view.retain_us.has_value()),
        key_codec_(key_types(query_)),
        definition_(name, definition_text()),
        details_(table_options(), resources.shards, keeps_windows_),
        pre_(resources.database, query_.pre, sql::Program::Input{input, true, query_.weighted}),
        pending_(resources.workers, resources.shards),
        clock_(resources.timeline),
        shards_(resources.shards) {
    for (std::size_t i = 0; i < query_.key_count; ++i) key_columns_.push_back(i);
  }

  /// The rest of construction, which can fail.
  Status prepare() {
    record_.add(sizeof(GroupHead));
    for (const sql::AggregateCall& call : query_.aggregates) {
      const AccumulatorSite site{query_.pre_schema, query_.weighted, record_,
                                 encodings_,        details_,        resources_.shards};
      accumulators_.push_back(LEAT_TRY(make_accumulator(call, site)));
    }
    state::TableOptions options = table_options();
    options.prefix = rows_prefix;
    options.layout = record_.layout();
    groups_ = std::make_unique<state::KeyedTable>(
        std::move(options), resources_.shards,
        [this](std::string_view key, const std::byte* record) {
          const unsigned shard =
              state::KeyedTable::shard_of(state::hash_bytes(key), resources_.shards);
          return state::KeyedTable::Place{shard, is_pinned(head_of(record).window_end)};
        });
    writer_ =
        std::make_unique<GroupRowsWriter>(query_, key_codec_, accumulators_, resources_.database);
    for (unsigned i = 0; i < resources_.shards; ++i) {
      shards_[i].eviction =
          std::make_unique<EvictionPolicy>(resources_.timeline, bytes_max_a_shard());
      shards_[i].tables.push_back(&groups_->shard(i));
      for (const auto& details : details_.all()) shards_[i].tables.push_back(&details->shard(i));
    }
    (void)LEAT_TRY(pre_.borrow());
    return writer_->prepare();
  }

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, const ChangeChunk& input,
                std::vector<LateRow>& late) override;
  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned index, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override {
    std::uint64_t rows = groups_->row_count();
    for (const Shard& shard : shards_) rows -= shard.open_groups.load(std::memory_order_relaxed);
    return query_.key_count == 0 ? 1 : rows;
  }
  std::uint64_t memory_bytes() const override {
    std::uint64_t bytes = groups_->memory_bytes();
    for (const auto& details : details_.all()) bytes += details->memory_bytes();
    return bytes;
  }

 private:
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    std::vector<state::KeyedShard*> tables;  // the groups' first
    WindowIndex open;      // groups of windows that have not closed; only with Emit::on_close
    WindowIndex retained;  // groups that are to be forgotten some day
    bool has_only_group = false;
    // Scratch space.
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> groups;
    std::vector<std::int64_t> weights;
    RowSelection filtered;
    // Groups in the table that are not rows of the view yet.
    std::atomic<std::uint64_t> open_groups = 0;
  };

  std::uint64_t bytes_max_a_shard() const { return resources_.memory_max / resources_.shards; }
  bool closes() const { return view_.emit == Emit::on_close; }
  /// Whether a group of this window must stay in memory.
  bool is_pinned(EventTimeUs window_end) const {
    return keeps_windows_ && (view_.retain_us || window_end > clock_.now());
  }

  state::TableOptions table_options() const {
    state::TableOptions options;
    options.store = &resources_.store;
    options.timeline = &resources_.timeline;
    options.family = &family_;
    return options;
  }

  std::string definition_text() const;
  void find_window_ends(AggregateWork& work) const;
  void find_skipped(AggregateWork& work, std::vector<LateRow>& late) const;
  void fill(AggregateWork& work, Chunk rows, std::uint64_t order, std::vector<LateRow>& late) const;

  Status ensure_only_group(unsigned index, Shard& shard);
  Status merge_work(const AggregateWork& work, unsigned index, Shard& shard);
  Status update(const GroupRows& rows, Shard& shard);
  void end_empty_groups(state::KeyedShard& groups, Shard& shard) const;
  Status emit_changes(const state::KeyedShard& groups, std::vector<ChangeChunk>& output);
  Status close_windows(unsigned index, const EpochContext& context, Shard& shard,
                       std::vector<ChangeChunk>& output);
  void forget_windows(unsigned index, Shard& shard, EventTimeUs time);
  static void index_group(Shard& shard, state::Entry* group, bool open);

  const AggregateView view_;
  const sql::AggregateQuery& query_;
  const Resources resources_;
  state::Family& family_;
  const bool keeps_windows_;
  const KeyCodec key_codec_;
  DefinitionRecord definition_;
  DetailTables details_;
  ProgramPool pre_;
  PendingWork<AggregateWork> pending_;
  WindowClock clock_;
  std::vector<Shard> shards_;
  std::vector<std::size_t> key_columns_;
  RecordBuilder record_;
  std::vector<Accumulator::Encoding> encodings_;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  std::unique_ptr<state::KeyedTable> groups_;
  std::unique_ptr<GroupRowsWriter> writer_;
  EventTimeUs stored_time_ = no_watermark;
};

std::string AggregateViewOperator::definition_text() const {
  std::string text = fmt::format("aggregate 1\npre {}\ncolumns", query_.pre);
  for (const Column& column : query_.pre_schema) text += " " + column.type.to_sql();
  text += fmt::format("\nkeys {} weighted {} closes {}\npost {}", query_.key_count, query_.weighted,
                      closes(), query_.post);
  for (const sql::AggregateCall& call : query_.aggregates) {
    text += fmt::format("\naggregate {} distinct {} filter {} of", static_cast<int>(call.function),
                        call.distinct, call.filter ? static_cast<long>(*call.filter) : -1);
    for (const std::size_t argument : call.arguments) text += fmt::format(" {}", argument);
  }
  if (query_.tumble) text += fmt::format("\nwindow {}", query_.tumble->width_us);
  return text;
}

Status AggregateViewOperator::absorb(unsigned worker, const EpochContext&, const ChangeChunk& input,
                                     std::vector<LateRow>& late) {
  if (input.rows.size() == 0) return {};
  const ProgramPool::Lease pre = LEAT_TRY(pre_.borrow());
  const auto rows = sql::input_of(input.rows, input.weights, true, query_.weighted);
  // Nothing counts before the whole chunk has gone through: a later row may fail.
  std::vector<Chunk> results;
  LEAT_TRY(pre->run(*rows, [&](Chunk result) -> Status {
    results.push_back(std::move(result));
    return {};
  }));
  for (Chunk& result : results) {
    std::unique_ptr<AggregateWork> work = pending_.fresh(worker);
    fill(*work, std::move(result), input.order, late);
    pending_.add(worker, std::move(work));
  }
  return {};
}

void AggregateViewOperator::fill(AggregateWork& work, Chunk rows, std::uint64_t order,
                                 std::vector<LateRow>& late) const {
  work.rows = std::move(rows);
  work.order = order;
  if (query_.weighted) {
    work.weights = static_cast<const std::int64_t*>(
        duckdb_vector_get_data(work.rows.vector(query_.pre_schema.size() + 1)));
  }
  key_codec_.encode(work.rows, key_columns_, work.keys);
  work.hashes.resize(work.rows.size());
  for (std::size_t row = 0; row < work.hashes.size(); ++row) {
    work.hashes[row] = state::hash_bytes(work.keys[row]);
  }
  work.encoded.resize(encodings_.size());
  for (std::size_t i = 0; i < encodings_.size(); ++i) {
    std::vector<Type> types;
    for (const std::size_t column : encodings_[i].columns) {
      types.push_back(query_.pre_schema[column].type);
    }
    if (encodings_[i].kind == Accumulator::Encoding::Kind::key) {
      KeyCodec(types).encode(work.rows, encodings_[i].columns, work.encoded[i]);
    } else {
      RowCodec(types).encode(work.rows, encodings_[i].columns, work.encoded[i]);
    }
  }
  if (keeps_windows_) find_window_ends(work);
  find_skipped(work, late);
  work.scatter.assign(work.hashes, work.skip, resources_.shards);
}

void AggregateViewOperator::find_window_ends(AggregateWork& work) const {
  const sql::Tumble& tumble = *query_.tumble;
  const std::size_t column = tumble.end_key ? *tumble.end_key : *tumble.start_key;
  const std::int64_t width = tumble.end_key ? 0 : tumble.width_us;
  const duckdb_vector vector = work.rows.vector(column);
  const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
  const std::uint64_t* validity = duckdb_vector_get_validity(vector);
  work.window_ends.resize(work.rows.size());
  for (std::size_t row = 0; row < work.window_ends.size(); ++row) {
    work.window_ends[row] =
        is_valid(validity, row) ? add_saturated(times[row], width) : end_of_time;
  }
}

void AggregateViewOperator::find_skipped(AggregateWork& work, std::vector<LateRow>& late) const {
  work.skip.clear();
  if (work.weights == nullptr && !keeps_windows_) return;
  work.skip.assign(work.rows.size(), 0);
  if (work.weights != nullptr) {
    for (std::size_t row = 0; row < work.skip.size(); ++row) {
      work.skip[row] = work.weights[row] == 0;
    }
  }
  if (!keeps_windows_) return;
  const auto* input_rows = static_cast<const std::int64_t*>(
      duckdb_vector_get_data(work.rows.vector(query_.pre_schema.size())));
  const EventTimeUs gone = closes() ? clock_.now()
                           : clock_.now() == no_watermark
                               ? no_watermark
                               : add_saturated(clock_.now(), -*view_.retain_us);
  for (std::size_t row = 0; row < work.skip.size(); ++row) {
    // A row without a time belongs to no window that could ever close.
    const bool homeless = closes() && work.window_ends[row] == end_of_time;
    if (work.window_ends[row] > gone && !homeless) continue;
    work.skip[row] = 1;
    late.push_back({static_cast<std::uint32_t>(input_rows[row])});
  }
}

Status AggregateViewOperator::merge(unsigned index, const EpochContext& context,
                                    std::vector<ChangeChunk>& output) {
  Shard& shard = shards_[index];
  state::KeyedShard& groups = groups_->shard(index);
  for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
  shard.eviction->apply(shard.tables);
  LEAT_TRY(ensure_only_group(index, shard));
  for (const AggregateWork* work : pending_.in_order()) {
    const auto lock = groups.lock();
    LEAT_TRY(merge_work(*work, index, shard));
  }
  if (query_.weighted && query_.key_count > 0) end_empty_groups(groups, shard);
  if (context.changes_wanted && !closes()) LEAT_TRY(emit_changes(groups, output));
  if (keeps_windows_) LEAT_TRY(close_windows(index, context, shard, output));
  for (state::KeyedShard* table : shard.tables) {
    const auto lock = table->lock();
    table->publish_counts();
  }
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

Status AggregateViewOperator::merge_work(const AggregateWork& work, unsigned index, Shard& shard) {
  const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
  if (rows.empty()) return {};
  state::KeyedShard& groups = groups_->shard(index);
  shard.keys.clear();
  for (const std::uint32_t row : rows) shard.keys.push_back({work.keys[row], work.hashes[row]});
  LEAT_TRY(groups.find_or_create(shard.keys, shard.groups));
  shard.weights.clear();
  if (work.weights != nullptr) {
    for (const std::uint32_t row : rows) shard.weights.push_back(work.weights[row]);
  }
  GroupRows taken{&work.rows,    &work.encoded, rows, std::span(shard.groups),
                  shard.weights, &groups,       index};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    state::Entry* group = shard.groups[i];
    if (closes() && !group->has(state::Entry::live)) {
      shard.open_groups.fetch_add(1, std::memory_order_relaxed);
    }
    groups.touch(group);
    head_of(group).rows += taken.weight(i);
    if (!keeps_windows_) continue;
    head_of(group).window_end = work.window_ends[rows[i]];
    // What is not late is open, even if another shard has closed its part of the window by now.
    if (!group->has(state::Entry::pinned)) index_group(shard, group, closes());
  }
  return update(taken, shard);
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

void AggregateViewOperator::index_group(Shard& shard, state::Entry* group, bool open) {
  const EventTimeUs window_end = head_of(group).window_end;
  group->set(state::Entry::pinned);
  (open ? shard.open : shard.retained).add(window_end, group);
}

void AggregateViewOperator::end_empty_groups(state::KeyedShard& groups, Shard& shard) const {
  const auto lock = groups.lock();
  for (std::size_t i = 0; i < groups.touched().size(); ++i) {
    state::Entry* group = groups.touched()[i];
    if (!group->has(state::Entry::live) || head_of(group).rows != 0) continue;
    groups.remove(group);
    if (closes()) shard.open_groups.fetch_sub(1, std::memory_order_relaxed);
  }
}

Status AggregateViewOperator::emit_changes(const state::KeyedShard& groups,
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
    turned.push_back({groups.key_of(group), before, after});
    if (turned.size() == chunk_rows_max / 2) LEAT_TRY(flush());
  }
  return flush();
}

Status AggregateViewOperator::close_windows(unsigned index, const EpochContext& context,
                                            Shard& shard, std::vector<ChangeChunk>& output) {
  EventTimeUs time = context.watermark;
  // When the input has ended everything closes, but time has not come to an end: windows that are
  // not there yet may still open in a later run, and nothing is forgotten.
  if (time == end_of_time) time = closes() ? shard.open.last_end() : no_watermark;
  if (time == no_watermark) return {};
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
      if (view_.retain_us) {
        shard.retained.add(head_of(group).window_end, group);
      } else {
        table.unpin(group);
      }
    }
    for (const auto& details : details_.all()) details->drop_windows(index, time);
  }
  clock_.advance(context.epoch, time);
  if (view_.retain_us && context.watermark != end_of_time) {
    forget_windows(index, shard, add_saturated(time, -*view_.retain_us));
  }
  return {};
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
  LEAT_TRY(groups_->restore(bytes_max_a_shard(), [&](unsigned index, state::Entry* group) {
    if (!group->has(state::Entry::pinned)) return;
    const bool open = closes() && head_of(group).window_end > clock_.now();
    if (open) shards_[index].open_groups.fetch_add(1, std::memory_order_relaxed);
    index_group(shards_[index], group, open);
  }));
  for (const auto& details : details_.all()) LEAT_TRY(details->restore(bytes_max_a_shard()));
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

Status check_windows(const std::string& name, const AggregateView& view) {
  if (view.emit == Emit::on_update && !view.retain_us) return {};
  const auto& tumble = view.query.tumble;
  if (tumble && (tumble->start_key || tumble->end_key)) return {};
  return user_error("not-incremental",
                    "view `{}` has no windows that could close: select FROM tumble(…) and GROUP BY "
                    "window_start, or leave out `emit: on_close` and `retain`",
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
