#include <algorithm>
#include <deque>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "operator/change_sum.h"
#include "operator/column_types.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/input_program.h"
#include "operator/pending.h"
#include "operator/stored_row_count.h"
#include "operator/view.h"
#include "state/hash.h"
#include "state/keyed_table.h"

namespace leat::op {
namespace {

struct SelectWork {
  Chunk rows;
  bool owns_texts = false;
  std::vector<std::int64_t> weights;  // one a row, or empty
  // Only where rows are kept or cancelled out.
  EncodedRows encoded;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint8_t> skip;
  Scatter scatter;
  std::uint64_t order = 0;

  void reset() {
    rows = Chunk();
    weights.clear();
    skip.clear();
  }
};

/// Where no input takes rows back, what the programs yield is handed on as it is. Else changes are
/// cancelled out row by row: over what is kept, or over the epoch alone.
class SelectViewOperator final : public ViewOperator {
 public:
  SelectViewOperator(const std::string& name, const SelectView& view,
                     const std::vector<Schema>& inputs, const Resources& resources,
                     state::Family* family)
      : view_(view),
        resources_(resources),
        family_(family),
        codec_(encodes() ? types_of(view.output) : std::vector<Type>()),
        definition_(name, definition_text()),
        programs_(resources.database, view.inputs, inputs),
        pending_(resources.workers, resources.shards) {
    if (!view.kept) return;
    rows_ = std::make_unique<state::KeyedTable>(table_options(), resources.shards);
    for (unsigned i = 0; i < resources.shards; ++i) {
      evictions_.emplace_back(resources.timeline, bytes_max_a_shard());
    }
  }

  Status prepare() { return programs_.prepare(); }

  const Schema& output() const override { return view_.output; }

  Status absorb(unsigned worker, const EpochContext& context, std::size_t input,
                const ChangeChunk& changes, std::vector<LateRow>&) override {
    if (changes.rows.size() == 0) return {};
    std::vector<InputRows> results;
    LEAT_TRY(programs_[input].run(changes, results));
    for (const InputRows& result : results) {
      std::unique_ptr<SelectWork> work = pending_.fresh(worker);
      work->order = changes.order;
      work->weights = result.weights();
      if (encodes()) encode(result.rows(), *work);
      if (context.changes_wanted && !takes_back()) {
        work->rows = without_added_columns(result.rows());
        work->owns_texts = !view_.inputs[input].sql.empty();
      }
      pending_.add(worker, std::move(work));
    }
    return {};
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    if (rows_) LEAT_TRY(keep(index, context));
    if (context.changes_wanted) LEAT_TRY(write_changes(index, output));
    pending_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    if (!rows_) return {};
    rows_->shard(index).persist(batch);
    if (index != 0) return {};
    definition_.persist(*family_, batch);
    row_count_.persist(*family_, batch);
    return {};
  }

  Status restore() override {
    if (!rows_) return {};
    LEAT_TRY(definition_.check(resources_.store, *family_));
    LEAT_TRY(row_count_.restore(resources_.store, *family_));
    return rows_->restore(bytes_max_a_shard());
  }

  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override { return rows_ ? rows_->memory_bytes() : 0; }

 private:
  std::size_t bytes_max_a_shard() const { return resources_.memory_max / resources_.shards; }
  bool takes_back() const { return std::ranges::any_of(view_.inputs, &sql::ViewInput::weighted); }
  bool encodes() const { return view_.kept || takes_back(); }

  static std::int64_t weight_in(const std::byte* record) {
    std::int64_t weight = 0;
    if (record != nullptr) std::memcpy(&weight, record, sizeof weight);
    return weight;
  }

  state::TableOptions table_options() const {
    state::TableOptions options;
    options.store = &resources_.store;
    options.timeline = &resources_.timeline;
    options.family = family_;
    options.prefix = rows_prefix;
    options.layout = {sizeof(std::int64_t), {}};
    return options;
  }

  std::string definition_text() const {
    std::string text = "select 1\ncolumns";
    for (const Column& column : view_.output) {
      text += fmt::format(" {} {}", column.name, column.type.to_sql());
    }
    for (const sql::ViewInput& input : view_.inputs) {
      text += fmt::format("\ninput {} weighted {} {}", input.input, input.weighted, input.sql);
    }
    return text;
  }

  Chunk without_added_columns(const Chunk& yielded) const {
    Chunk rows(view_.output);
    for (std::size_t i = 0; i < view_.output.size(); ++i) {
      duckdb_vector_reference_vector(rows.vector(i), yielded.vector(i));
    }
    rows.set_size(yielded.size());
    return rows;
  }

  void encode(const Chunk& rows, SelectWork& work) const {
    codec_.encode(rows, work.encoded);
    work.hashes.resize(rows.size());
    for (std::size_t row = 0; row < work.hashes.size(); ++row) {
      work.hashes[row] = state::hash_bytes(work.encoded[row]);
    }
    work.skip.resize(work.weights.size());
    for (std::size_t row = 0; row < work.weights.size(); ++row) {
      work.skip[row] = work.weights[row] == 0;
    }
    work.scatter.assign(work.hashes, work.skip, resources_.shards);
  }

  static std::int64_t weight_of(const SelectWork& work, std::uint32_t row) {
    return work.weights.empty() ? 1 : work.weights[row];
  }

  Status keep(unsigned index, const EpochContext& context) {
    state::KeyedShard& table = rows_->shard(index);
    table.begin(context.epoch);
    state::KeyedShard* const evicting[] = {&table};
    evictions_[index].apply(evicting);
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> entries;
    for (const SelectWork* work : pending_.in_order()) {
      const std::span<const std::uint32_t> rows = work->scatter.rows_of(index);
      keys.clear();
      for (const std::uint32_t row : rows) keys.push_back({work->encoded[row], work->hashes[row]});
      const auto lock = table.lock();
      LEAT_TRY(table.find_or_create(keys, entries));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        std::byte* record = table.touch(entries[i]);
        const std::int64_t weight = weight_in(record);
        const std::int64_t now = weight + weight_of(*work, rows[i]);
        std::memcpy(record, &now, sizeof now);
        row_count_.add(std::max<std::int64_t>(now, 0) - std::max<std::int64_t>(weight, 0));
      }
    }
    const auto lock = table.lock();
    for (std::size_t i = 0; takes_back() && i < table.touched().size(); ++i) {
      state::Entry* entry = table.touched()[i];
      if (weight_in(entry->record()) == 0) table.remove(entry);
    }
    table.publish_counts();
    return {};
  }

  Status write_changes(unsigned index, std::vector<ChangeChunk>& output) {
    if (!takes_back()) {
      if (index == 0) hand_on(output);
      return {};
    }
    ChangeWriter writer(codec_, view_.output, output);
    if (rows_) {
      const state::KeyedShard& table = rows_->shard(index);
      for (const state::Entry* entry : table.touched()) {
        const std::int64_t now = entry->has(state::Entry::live) ? weight_in(entry->record()) : 0;
        const std::int64_t change = now - weight_in(table.before(entry));
        if (change != 0) LEAT_TRY(writer.add(table.key_of(entry), change));
      }
      return writer.flush();
    }
    ChangeSum sum;
    for (const SelectWork* work : pending_.in_order()) {
      for (const std::uint32_t row : work->scatter.rows_of(index)) {
        sum.add(work->encoded[row], work->hashes[row], weight_of(*work, row));
      }
    }
    LEAT_TRY(sum.write(writer));
    return writer.flush();
  }

  /// In order of arrival, which only one shard can keep. Who asks for the rows of a view that is
  /// kept may look at its changes for longer than the input's texts stay.
  void hand_on(std::vector<ChangeChunk>& output) const {
    for (const SelectWork* work : pending_.in_order()) {
      const bool copies = view_.kept && !work->owns_texts;
      Chunk rows = copies ? copy_of(work->rows) : without_added_columns(work->rows);
      output.push_back({std::move(rows), {}, 0, {}});
    }
  }

  const SelectView view_;
  const Resources resources_;
  state::Family* const family_;  // null where nothing is kept
  const RowCodec codec_;
  DefinitionRecord definition_;
  InputPrograms programs_;
  PendingWork<SelectWork> pending_;
  std::unique_ptr<state::KeyedTable> rows_;  // null where they are not kept
  std::deque<EvictionPolicy> evictions_;     // of each shard
  StoredRowCount row_count_;
};

Status SelectViewOperator::scan(const state::Snapshot& snapshot,
                                const std::function<bool(const Chunk&)>& row_sink) const {
  LEAT_CHECK(rows_ != nullptr);
  std::vector<std::string_view> rows;
  Status decoded;
  bool wanted = true;
  const auto flush = [&] {
    if (rows.empty()) return;
    Chunk chunk(view_.output);
    decoded = codec_.decode(rows, chunk, 0);
    chunk.set_size(rows.size());
    wanted = decoded.has_value() && row_sink(chunk);
    rows.clear();
  };
  const auto piece_sink = [&](const state::KeyedTable::Piece& piece) {
    for (std::size_t i = 0; i < piece.keys.size() && wanted; ++i) {
      std::int64_t left = weight_in(piece.records.data() + i * sizeof(std::int64_t));
      for (; left > 0 && wanted; --left) {
        rows.push_back(piece.keys[i]);
        if (rows.size() == chunk_rows_max) flush();
      }
    }
    if (wanted) flush();  // keys stay for the call only
    return wanted;
  };
  LEAT_TRY(rows_->scan(snapshot, piece_sink));
  return decoded;
}

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_select_view(const std::string& name,
                                                       const SelectView& view,
                                                       const std::vector<Schema>& inputs,
                                                       const Resources& resources) {
  for (const Column& column : view.output) {
    if (VectorShape::supports(column.type)) continue;
    return user_error("unsupported-type",
                      "view `{}` cannot keep column `{}` of type {}; cast it to VARCHAR", name,
                      column.name, column.type.to_sql());
  }
  state::Family* family =
      view.kept ? LEAT_TRY(resources.store.family(family_of_view(name))) : nullptr;
  auto made = std::make_unique<SelectViewOperator>(name, view, inputs, resources, family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
