#include "operator/framed_view.h"

#include <algorithm>
#include <deque>
#include <numeric>

#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/framed_rows.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_runner.h"
#include "operator/keyed_view.h"
#include "operator/rank_order.h"

namespace leat::op {
namespace {

// Rows that are run together at most, of one stretch, without those near them.
constexpr std::size_t stretch_rows_max = 16384;

/// Window functions whose rows look at rows near them (sql::KeyedQuery::Frames). A key's rows lie
/// in order, each with what it gave. An epoch's rows change what those near them give, and these
/// alone are run again, with those that they look at: so an epoch costs what has changed and what
/// is near it, however many rows a key has. What goes by all rows so far (running totals) is put
/// together of what the row before carries on, and changes for all rows behind a change.
class FramedViewOperator final : public ViewOperator {
 public:
  FramedViewOperator(const std::string& name, const KeyedView& view,
                     const std::vector<Schema>& inputs, const Resources& resources,
                     state::Family& family)
      : view_(view),
        query_(view_.query),
        resources_(resources),
        family_(family),
        definition_(name, definition_of(view_)),
        inputs_(query_.inputs, query_.key_count, inputs, resources),
        runner_(query_, inputs_, resources.database),
        order_(query_.inputs[0].schema, query_.frames->order),
        table_(FramedRows::options_of(resources.table_options(family, rows_prefix)),
               resources.shards, FramedRows::place_of(resources.shards)) {
    for (unsigned i = 0; i < resources.shards; ++i) {
      shards_.push_back(
          std::make_unique<Shard>(table_.shard(i), *query_.frames, row_count_, resources));
    }
  }

  Status prepare() {
    LEAT_TRY(inputs_.prepare());
    return runner_.prepare();
  }
  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>&) override {
    return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
      order_.encode(rows.rows(), work.orders);
    });
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    Shard& shard = *shards_[index];
    state::KeyedShard* const table = &shard.rows.table();
    table->begin(context.epoch);
    shard.eviction.apply({&table, 1});
    std::vector<OrderedRows::Row> rows;
    for (const KeyedWork* work : inputs_.in_order()) {
      for (const std::uint32_t row : work->scatter.rows_of(index)) {
        rows.push_back({work->keys[row], work->orders[row], work->rows[row], work->weight(row)});
      }
    }
    Batch batch;
    for (FramedRows::Extent& extent : LEAT_TRY(add(shard.rows, rows))) {
      LEAT_TRY(compute(shard.rows, std::move(extent), batch));
    }
    LEAT_TRY(run(shard.rows, batch));
    if (context.changes_wanted) {
      LEAT_TRY(write_output_changes(*table, runner_.output_codec(), query_.output, true, output));
    }
    {
      const auto lock = table->lock();
      table->publish_counts();
    }
    inputs_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    table_.shard(index).persist(batch);
    if (index != 0) return {};
    definition_.persist(family_, batch);
    row_count_.persist(family_, batch);
    return {};
  }
  Status restore() override {
    LEAT_TRY(definition_.check(resources_.store, family_));
    LEAT_TRY(row_count_.restore(resources_.store, family_));
    return table_.restore(resources_.bytes_max_a_shard());
  }
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    return scan_outputs(table_, FramedRows::record_size(), query_.output, runner_.output_codec(),
                        snapshot, row_sink);
  }
  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override { return table_.memory_bytes(); }
  std::uint64_t refused() const override { return runner_.refused(); }
  std::string last_refusal() const override { return runner_.last_refusal(); }

 private:
  struct Shard {
    Shard(state::KeyedShard& table, const sql::KeyedQuery::Frames& frames, StoredRowCount& count,
          const Resources& resources)
        : rows(table, frames, count), eviction(resources) {}
    FramedRows rows;
    EvictionPolicy eviction;
  };
  /// Stretches to be run together.
  struct Batch {
    KeyedFeed feed{1};
    std::deque<FramedRows::Stretch> stretches;  // of each unit
  };

  static Result<std::vector<FramedRows::Extent>> add(FramedRows& rows,
                                                     std::span<const OrderedRows::Row> added) {
    const auto lock = rows.table().lock();
    return rows.add(added);
  }

  /// Puts the rows of the extent into the batch, which is run as soon as it is full; where rows
  /// carry something on, so that the next are never in one with those before them.
  Status compute(FramedRows& rows, FramedRows::Extent extent, Batch& batch) {
    for (std::optional<FramedRows::Extent> rest = std::move(extent); rest;) {
      FramedRows::Stretch& stretch = batch.stretches.emplace_back();
      {
        const auto lock = rows.table().lock();
        LEAT_TRY(rows.read(*rest, stretch_rows_max, stretch));
        rest = stretch.rest;
        if (stretch.broken) LEAT_TRY(give_nothing(rows, stretch));
      }
      if (stretch.rows.empty() || stretch.broken) {
        batch.stretches.pop_back();
        continue;
      }
      batch.feed.begin_unit(stretch.carried);
      for (const FramedRows::Stretch::Row& row : stretch.rows) {
        batch.feed.add(0, row.bytes, row.weight);
      }
      if (batch.feed.full() || (rest && rows.runs())) LEAT_TRY(run(rows, batch));
    }
    return {};
  }

  /// A stretch that fails is run in halves, until it is one row that fails. Then there is nothing
  /// of this one.
  Status run(FramedRows& rows, Batch& batch) {
    std::vector<std::pair<FramedRows::Extent, FramedRows::Extent>> halves;
    LEAT_TRY(runner_.run(batch.feed, [&](const KeyedRunner::Result& result) -> Status {
      const FramedRows::Stretch& stretch = batch.stretches[result.unit];
      const auto lock = rows.table().lock();
      if (result.computed) return take(rows, stretch, result);
      if (std::ranges::count(stretch.rows, true, &FramedRows::Stretch::Row::wanted) > 1) {
        halves.push_back(rows.halves_of(stretch));
        return {};
      }
      runner_.note_refusal(result.refusal);
      return give_nothing(rows, stretch);
    }));
    batch.feed.clear();
    batch.stretches.clear();
    for (auto& [first, second] : halves) {
      LEAT_TRY(compute(rows, std::move(first), batch));
      LEAT_TRY(run(rows, batch));
      LEAT_TRY(compute(rows, std::move(second), batch));
      LEAT_TRY(run(rows, batch));
    }
    return {};
  }

  /// Gives each row of a stretch what was made of it.
  Status take(FramedRows& rows, const FramedRows::Stretch& stretch,
              const KeyedRunner::Result& result) {
    std::vector<std::size_t> in_order(result.rows.size());
    std::iota(in_order.begin(), in_order.end(), std::size_t{0});
    std::ranges::sort(in_order, {}, [&](std::size_t i) { return result.made_of[i]; });
    auto next = in_order.begin();
    std::size_t fed = 0;
    std::vector<std::string_view> given;
    for (const FramedRows::Stretch::Row& row : stretch.rows) {
      fed += static_cast<std::size_t>(row.weight);
      given.clear();
      std::string_view carried;  // by the last, of a row that is there several times
      for (; next != in_order.end() && result.made_of[*next] < fed; ++next) {
        if (result.kept[*next] != 0) given.push_back(result.rows[*next]);
        carried = result.carried[*next];
      }
      if (!row.wanted) continue;
      const Status status = rows.give(row.entry, given, rows.runs() ? carried : "");
      if (status) continue;
      if (status.error().domain != Domain::user) return status;
      runner_.note_refusal(status.error().message);
      given.clear();
      LEAT_TRY(rows.give(row.entry, given, {}));
    }
    return {};
  }

  static Status give_nothing(FramedRows& rows, const FramedRows::Stretch& stretch) {
    std::vector<std::string_view> none;
    for (const FramedRows::Stretch::Row& row : stretch.rows) {
      if (row.wanted) LEAT_TRY(rows.give(row.entry, none, {}));
    }
    return {};
  }

  const KeyedView view_;
  const sql::KeyedQuery& query_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  KeyedRunner runner_;
  const RankOrder order_;
  state::KeyedTable table_;
  StoredRowCount row_count_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_framed_view(const std::string& name,
                                                       const KeyedView& view,
                                                       const std::vector<Schema>& inputs,
                                                       const Resources& resources,
                                                       state::Family& family) {
  auto made = std::make_unique<FramedViewOperator>(name, view, inputs, resources, family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
