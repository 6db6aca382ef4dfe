#include "base/check.h"
#include "model/column_types.h"
#include "model/row_codec.h"
#include "operator/change_writer.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/expiry.h"
#include "operator/pending.h"
#include "operator/program_pool.h"
#include "operator/stored_row_count.h"
#include "operator/view.h"
#include "state/hash.h"
#include "state/keyed_table.h"

namespace leat::op {
namespace {

/// The newest row of a key. A key whose newest row deletes it is kept without a row where versions
/// decide what is newest, so that an older one that comes later does not bring it back.
struct LatestRecord {
  state::Blob row;      // by RowCodec
  state::Blob version;  // by KeyCodec; empty where arrival decides
  std::uint64_t deleted;
};
/// Of a view whose rows live for a time.
struct LivingRecord {
  LatestRecord latest;
  EventTimeUs touched;
};
constexpr std::size_t row_blob = 0;
constexpr std::size_t version_blob = 1;
/// How many rows that are due are looked at under one lock.
constexpr std::size_t rows_at_once = 256;

struct LatestWork {
  EncodedRows keys;
  EncodedRows rows;
  EncodedRows versions;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint8_t> deletes;  // one a row, or empty
  std::vector<std::int64_t> weights;  // one a row, or empty
  std::vector<EventTimeUs> times;     // one a row, where rows live by event time
  Scatter scatter;
  std::uint64_t order = 0;

  void reset() {
    deletes.clear();
    weights.clear();
  }
};

class LatestViewOperator final : public ViewOperator {
 public:
  LatestViewOperator(const std::string& name, const LatestView& view, const Schema& input,
                     const Resources& resources, state::Family& family)
      : view_(view),
        schema_(input),
        resources_(resources),
        family_(family),
        key_codec_(types_of(input, view.key)),
        row_codec_(types_of(input)),
        version_codec_(view.version ? types_of(input, {*view.version}) : std::vector<Type>()),
        definition_(name, definition_text()),
        pending_(resources.workers, resources.shards),
        table_(resources.table_options(family_, rows_prefix, layout()), resources.shards),
        shards_(resources.shards) {
    if (!view.deletes.empty()) {
      deletes_ = std::make_unique<ProgramPool>(resources.database, view.deletes,
                                               sql::Program::Input{input, true, false});
    }
    if (view.ttl) {
      expiry_ = std::make_unique<Expiry>(resources.table_options(family_, expiry_prefix),
                                         resources.shards, *view.ttl);
    }
    for (unsigned i = 0; i < resources.shards; ++i) {
      shards_[i].tables.push_back(&table_.shard(i));
      if (expiry_) shards_[i].tables.push_back(&expiry_->table(i));
      shards_[i].eviction = std::make_unique<EvictionPolicy>(resources);
    }
  }

  Status prepare() {
    if (deletes_) (void)LEAT_TRY(deletes_->borrow());
    return {};
  }

  const Schema& output() const override { return schema_; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t, const ChangeChunk& input,
                std::vector<LateRow>&) override {
    if (input.rows.size() == 0) return {};
    std::unique_ptr<LatestWork> work = pending_.fresh(worker);
    work->order = input.order;
    work->weights = input.weights;
    if (deletes_) LEAT_TRY(find_deletes(input.rows, work->deletes));
    if (view_.ttl && view_.ttl->by == TimeToLive::By::event_time) {
      find_times(input.rows, view_.ttl->time_column, work->times);
    }
    key_codec_.encode(input.rows, view_.key, work->keys);
    row_codec_.encode(input.rows, work->rows);
    if (view_.version) {
      version_codec_.encode(input.rows, std::span(&*view_.version, 1), work->versions);
    }
    work->hashes.resize(input.rows.size());
    for (std::size_t row = 0; row < work->hashes.size(); ++row) {
      work->hashes[row] = state::hash_bytes(work->keys[row]);
    }
    work->scatter.assign(work->hashes, {}, resources_.shards);
    pending_.add(worker, std::move(work));
    return {};
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    Shard& shard = shards_[index];
    state::KeyedShard& rows = table_.shard(index);
    for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
    shard.eviction->apply(shard.tables);
    for (const LatestWork* work : pending_.in_order()) {
      const auto lock = rows.lock();
      LEAT_TRY(merge_work(*work, index, context, shard));
    }
    if (expiry_) LEAT_TRY(end_rows(index, context));
    if (context.changes_wanted) LEAT_TRY(emit(rows, output));
    state::publish_counts(shard.tables);
    pending_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    for (state::KeyedShard* table : shards_[index].tables) table->persist(batch);
    if (index != 0) return {};
    definition_.persist(family_, batch);
    deleted_rows_.persist(family_, batch);
    return {};
  }

  Status restore() override {
    LEAT_TRY(definition_.check(resources_.store, family_));
    LEAT_TRY(deleted_rows_.restore(resources_.store, family_));
    LEAT_TRY(table_.restore(resources_.bytes_max_a_shard()));
    if (expiry_) LEAT_TRY(expiry_->restore(resources_.bytes_max_a_shard()));
    return {};
  }

  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    Chunk chunk(schema_);
    std::vector<std::string_view> rows;
    Status decoded;
    const auto piece_sink = [&](const state::KeyedTable::Piece& piece) {
      rows.clear();
      for (std::size_t i = 0; i < piece.keys.size(); ++i) {
        const LatestRecord& record = record_of(piece.records.data() + i * record_size());
        if (record.deleted == 0) rows.push_back(record.row.view());
      }
      if (rows.empty()) return true;
      chunk.reset();
      decoded = row_codec_.decode(rows, chunk, 0);
      chunk.set_size(rows.size());
      return decoded.has_value() && row_sink(chunk);
    };
    LEAT_TRY(table_.scan(snapshot, piece_sink));
    return decoded;
  }

  std::uint64_t row_count() const override { return table_.row_count() - deleted_rows_.rows(); }
  std::uint64_t memory_bytes() const override {
    return table_.memory_bytes() + (expiry_ ? expiry_->memory_bytes() : 0);
  }
  EventTimeUs wakes_at() const override { return expiry_ ? expiry_->wakes_at() : end_of_time; }

 private:
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    std::vector<state::KeyedShard*> tables;  // the rows' first
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> entries;
  };

  static const LatestRecord& record_of(const std::byte* record) {
    return *reinterpret_cast<const LatestRecord*>(record);
  }

  static EventTimeUs& touched(state::Entry* entry) {
    return reinterpret_cast<LivingRecord*>(entry->record())->touched;
  }
  std::size_t record_size() const {
    return view_.ttl ? sizeof(LivingRecord) : sizeof(LatestRecord);
  }

  state::RecordLayout layout() const {
    return {record_size(), {offsetof(LatestRecord, row), offsetof(LatestRecord, version)}};
  }

  std::string definition_text() const {
    std::string text = "latest 1\ncolumns";
    for (const Column& column : schema_) text += " " + column.name + " " + column.type.to_sql();
    text += "\nkey";
    for (const std::size_t column : view_.key) text += " " + std::to_string(column);
    text += "\nversion " + (view_.version ? std::to_string(*view_.version) : "none");
    if (view_.ttl) {
      text += view_.ttl->by == TimeToLive::By::event_time ? "\nlives" : "\nlives by clock";
    }
    return text + "\ndeletes " + view_.deletes;
  }

  Status find_deletes(const Chunk& rows, std::vector<std::uint8_t>& deletes) {
    deletes.assign(rows.size(), 0);
    const ProgramPool::Lease program = LEAT_TRY(deletes_->borrow());
    const std::vector<std::int64_t> no_weights;
    const auto input = sql::input_of(rows, no_weights, true, false);
    return program->run(*input, [&](Chunk result) -> Status {
      const auto* yes = static_cast<const bool*>(duckdb_vector_get_data(result.vector(0)));
      const std::uint64_t* validity = duckdb_vector_get_validity(result.vector(0));
      const auto* row = static_cast<const std::int64_t*>(duckdb_vector_get_data(result.vector(1)));
      for (std::size_t i = 0; i < result.size(); ++i) {
        if (is_valid(validity, i) && yes[i]) deletes[static_cast<std::size_t>(row[i])] = 1;
      }
      return {};
    });
  }

  Status merge_work(const LatestWork& work, unsigned index, const EpochContext& context,
                    Shard& shard) {
    const std::span<const std::uint32_t> rows = work.scatter.rows_of(index);
    state::KeyedShard& table = table_.shard(index);
    shard.keys.clear();
    for (const std::uint32_t row : rows) shard.keys.push_back({work.keys[row], work.hashes[row]});
    LEAT_TRY(table.find_or_create(shard.keys, shard.entries));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t row = rows[i];
      state::Entry* entry = shard.entries[i];
      EventTimeUs time = no_watermark;
      if (expiry_) {
        time = expiry_->touch_time(context, work.times.empty() ? no_watermark : work.times[row]);
        const bool lives = entry->has(state::Entry::live);
        if (lives && expiry_->is_over(touched(entry), time)) end_row(entry, table);
      }
      if (!work.weights.empty() && work.weights[row] <= 0) {
        if (work.weights[row] < 0) take_back(work.rows[row], entry, table);
        continue;
      }
      const bool is_new = !entry->has(state::Entry::live);
      if (!put(work, row, entry, table) || !expiry_) continue;
      touched(entry) = is_new ? time : std::max(touched(entry), time);
      if (is_new) LEAT_TRY(expiry_->watch(index, table.key_of(entry), time));
    }
    return {};
  }

  /// Whether the key has a row now, or a note that it was deleted.
  bool put(const LatestWork& work, std::uint32_t row, state::Entry* entry,
           state::KeyedShard& table) {
    const bool deletes = !work.deletes.empty() && work.deletes[row] != 0;
    const bool exists = entry->has(state::Entry::live);
    if (view_.version && exists && work.versions[row] < record_of(entry->record()).version.view()) {
      return false;
    }
    if (deletes && !view_.version) {
      if (exists) table.remove(entry);
      return false;
    }
    auto* record = reinterpret_cast<LatestRecord*>(table.touch(entry));
    if (record->deleted != static_cast<std::uint64_t>(deletes)) {
      deleted_rows_.add(deletes ? 1 : -1);
      record->deleted = deletes;
    }
    table.set_blob(entry, row_blob, deletes ? std::string_view() : work.rows[row]);
    if (view_.version) table.set_blob(entry, version_blob, work.versions[row]);
    return true;
  }

  void end_row(state::Entry* entry, state::KeyedShard& table) {
    if (record_of(entry->record()).deleted != 0) deleted_rows_.add(-1);
    table.remove(entry);
  }

  /// Ends the rows that nothing has touched for their time; they leave the view like any that are
  /// taken back.
  Status end_rows(unsigned index, const EpochContext& context) {
    const EventTimeUs now = expiry_->now(context);
    std::vector<std::string> due;
    LEAT_TRY(expiry_->take_due(index, now, due));
    state::KeyedShard& table = table_.shard(index);
    for (std::size_t begin = 0; begin < due.size(); begin += rows_at_once) {
      const auto lock = table.lock();
      for (std::size_t i = begin; i < std::min(due.size(), begin + rows_at_once); ++i) {
        state::Entry* entry = LEAT_TRY(table.find({due[i], state::hash_bytes(due[i])}));
        if (entry == nullptr) continue;
        if (expiry_->is_over(touched(entry), now)) {
          end_row(entry, table);
        } else {
          LEAT_TRY(expiry_->watch(index, table.key_of(entry), touched(entry)));
        }
      }
    }
    return {};
  }

  void take_back(std::string_view row, state::Entry* entry, state::KeyedShard& table) {
    if (!entry->has(state::Entry::live)) return;
    const LatestRecord& record = record_of(entry->record());
    if (record.deleted == 0 && record.row.view() == row) table.remove(entry);
  }

  Status emit(const state::KeyedShard& table, std::vector<ChangeChunk>& output) const {
    ChangeWriter writer(row_codec_, schema_, output);
    const auto visible = [](const std::byte* record) -> const state::Blob* {
      if (record == nullptr || record_of(record).deleted != 0) return nullptr;
      return &record_of(record).row;
    };
    for (const state::Entry* entry : table.touched()) {
      const state::Blob* old = visible(table.before(entry));
      const state::Blob* now = visible(entry->has(state::Entry::live) ? entry->record() : nullptr);
      if (old != nullptr && now != nullptr && old->view() == now->view()) continue;
      if (old != nullptr) LEAT_TRY(writer.add(old->view(), -1));
      if (now != nullptr) LEAT_TRY(writer.add(now->view(), 1));
    }
    return writer.flush();
  }

  const LatestView view_;
  const Schema schema_;
  const Resources resources_;
  state::Family& family_;
  const KeyCodec key_codec_;
  const RowCodec row_codec_;
  const KeyCodec version_codec_;
  DefinitionRecord definition_;
  std::unique_ptr<ProgramPool> deletes_;
  PendingWork<LatestWork> pending_;
  state::KeyedTable table_;
  std::unique_ptr<Expiry> expiry_;  // null: rows stay
  std::vector<Shard> shards_;
  StoredRowCount deleted_rows_;  // in the table, but not rows of the view
};

}  // namespace

std::string family_of_view(const std::string& name) { return "view:" + name; }

Result<std::unique_ptr<ViewOperator>> make_latest_view(const std::string& name,
                                                       const LatestView& view, const Schema& input,
                                                       const Resources& resources) {
  LEAT_CHECK(!view.key.empty());
  for (const Column& column : input) {
    if (!VectorShape::supports(column.type)) {
      return user_error("unsupported-type",
                        "view `{}` cannot keep column `{}` of type {}; cast it to VARCHAR", name,
                        column.name, column.type.to_sql());
    }
  }
  state::Family* family = LEAT_TRY(resources.store.family(family_of_view(name)));
  auto made = std::make_unique<LatestViewOperator>(name, view, input, resources, *family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
