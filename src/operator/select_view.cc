#include <algorithm>

#include "base/check.h"
#include "model/chunk_copy.h"
#include "model/column_types.h"
#include "operator/change_sum.h"
#include "operator/definition_record.h"
#include "operator/input_program.h"
#include "operator/kept_rows.h"
#include "operator/pending.h"
#include "operator/view.h"
#include "operator/window_clock.h"
#include "state/hash.h"

namespace leat::op {
namespace {

struct SelectWork {
  Chunk rows;
  bool owns_texts = false;
  std::vector<std::int64_t> weights;  // one a row, or empty
  // Only where rows are kept or cancelled out.
  EncodedRows encoded;
  EncodedRows keys;  // of columns whose values no two rows may share
  std::vector<EventTimeUs> window_ends;
  std::vector<std::uint64_t> hashes;  // of keys, where there are some
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
      : name_(name),
        view_(view),
        resources_(resources),
        family_(family),
        codec_(encodes() ? types_of(view.output) : std::vector<Type>()),
        definition_(name, definition_text()),
        programs_(resources.database, view.inputs, inputs),
        pending_(resources.workers, resources.shards) {
    if (!view.kept) return;
    rows_ = std::make_unique<KeptRows>(name, view_, resources, *family);
    std::vector<Type> types;
    for (const std::size_t column : view_.unique) types.push_back(view_.output[column].type);
    if (!types.empty()) keys_ = std::make_unique<KeyCodec>(types);
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
      if (context.changes_wanted && hands_on()) {
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
    if (rows_) LEAT_TRY(rows_->forget(index, context));
    pending_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    if (!rows_) return {};
    rows_->persist(index, batch);
    if (index == 0) definition_.persist(*family_, batch);
    return {};
  }

  Status restore() override {
    if (!rows_) return {};
    LEAT_TRY(definition_.check(resources_.store, *family_));
    return rows_->restore();
  }

  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    if (!rows_) {
      return user_error(
          "rows-not-kept",
          "the rows of the view `{}` are not kept (keep: false), so that they can't be "
          "asked for; ask where its sink writes them, or remove keep: false",
          name_);
    }
    return rows_->scan(snapshot, row_sink);
  }

  std::uint64_t row_count() const override { return rows_ ? rows_->row_count() : 0; }
  std::uint64_t memory_bytes() const override { return rows_ ? rows_->memory_bytes() : 0; }
  EventTimeUs wakes_at() const override { return rows_ ? rows_->wakes_at() : end_of_time; }

 private:
  bool takes_back() const { return std::ranges::any_of(view_.inputs, &sql::ViewInput::weighted); }
  bool encodes() const { return view_.kept || takes_back(); }

  /// What the programs yield is what leaves.
  bool hands_on() const { return !takes_back() && !(rows_ && rows_->paces()); }

  std::string definition_text() const {
    std::string text = "select 1\ncolumns";
    for (const Column& column : view_.output) {
      text += fmt::format(" {} {}", column.name, column.type.to_sql());
    }
    for (const sql::ViewInput& input : view_.inputs) {
      text += fmt::format("\ninput {} weighted {} {}", input.input, input.weighted, input.sql);
    }
    if (!view_.unique.empty()) text += fmt::format("\nkey {}", fmt::join(view_.unique, " "));
    if (view_.pace_us) text += "\npaced";
    if (view_.window_key && (view_.retain_us || view_.pace_us)) {
      text += fmt::format("\nwindow {} and {}", view_.window_key->key, view_.window_key->width_us);
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
    if (keys_) keys_->encode(rows, view_.unique, work.keys);
    for (std::size_t row = 0; row < work.hashes.size(); ++row) {
      work.hashes[row] = state::hash_bytes(keys_ ? work.keys[row] : work.encoded[row]);
    }
    if (rows_ && rows_->has_windows()) find_window_ends(rows, work);
    work.skip.resize(work.weights.size());
    for (std::size_t row = 0; row < work.weights.size(); ++row) {
      work.skip[row] = work.weights[row] == 0;
    }
    work.scatter.assign(work.hashes, work.skip, resources_.shards);
  }

  static std::int64_t weight_of(const SelectWork& work, std::uint32_t row) {
    return work.weights.empty() ? 1 : work.weights[row];
  }

  void find_window_ends(const Chunk& rows, SelectWork& work) const {
    const auto& [column, width_us] = *view_.window_key;
    const duckdb_vector vector = rows.vector(column);
    const auto* times = static_cast<const std::int64_t*>(duckdb_vector_get_data(vector));
    const std::uint64_t* validity = duckdb_vector_get_validity(vector);
    work.window_ends.resize(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      work.window_ends[row] =
          is_valid(validity, row) ? add_saturated(times[row], width_us) : end_of_time;
    }
  }

  Status keep(unsigned index, const EpochContext& context) {
    rows_->begin(index, context.epoch);
    for (const SelectWork* work : pending_.in_order()) {
      LEAT_TRY(rows_->add(index, {work->encoded, work->keys, work->window_ends, work->weights},
                          work->scatter.rows_of(index)));
    }
    return rows_->finish(index, context);
  }

  Status write_changes(unsigned index, std::vector<ChangeChunk>& output) {
    if (hands_on()) {
      if (index == 0) hand_on(output);
      return {};
    }
    ChangeWriter writer(codec_, view_.output, output);
    if (rows_) return rows_->write_changes(index, writer);
    ChangeSum sum;
    for (const SelectWork* work : pending_.in_order()) {
      for (const std::uint32_t row : work->scatter.rows_of(index)) {
        sum.add(work->encoded[row], work->hashes[row], weight_of(*work, row));
      }
    }
    LEAT_TRY(sum.write(writer));
    return writer.flush();
  }

  /// In order of arrival, which only one shard can keep.
  void hand_on(std::vector<ChangeChunk>& output) const {
    for (const SelectWork* work : pending_.in_order()) {
      const bool copies = view_.shown && !work->owns_texts;
      Chunk rows = copies ? copy_of(work->rows) : without_added_columns(work->rows);
      output.push_back({std::move(rows), {}, 0, {}});
    }
  }

  const std::string name_;
  const SelectView view_;
  const Resources resources_;
  state::Family* const family_;  // null where nothing is kept
  const RowCodec codec_;
  DefinitionRecord definition_;
  InputPrograms programs_;
  PendingWork<SelectWork> pending_;
  std::unique_ptr<KeptRows> rows_;  // null where they are not kept
  std::unique_ptr<KeyCodec> keys_;  // null where any rows may be alike
};

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
