#include "operator/framed_view.h"

#include <algorithm>
#include <deque>
#include <numeric>

#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/expiry.h"
#include "operator/framed_closing.h"
#include "operator/framed_rows.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_runner.h"
#include "operator/keyed_view.h"
#include "operator/rank_order.h"
#include "operator/window_clock.h"

namespace leat::op {
namespace {

/// After how much time without a row one looks at none of those before it.
std::optional<std::int64_t> gap_of(const KeyedView& view) {
  if (view.ttl) return view.ttl->length_us;
  return view.query.frames->closes ? view.query.frames->gap_us() : std::nullopt;
}

// Rows that are run together at most, of one stretch, without those near them.
constexpr std::size_t stretch_rows_max = 16384;

/// Window functions whose rows look at rows near them (sql::KeyedQuery::Frames). A key's rows lie
/// in order, each with what it gave. An epoch's rows change what those near them give, and these
/// alone are run again, with those that they look at: so an epoch costs what has changed and what
/// is near it, however many rows a key has. What goes by all rows so far (running totals) is put
/// together of what the row before carries on, and changes for all rows behind a change. Where they
/// close, rows wait until they are final, give what they give once, and stay for as long as others
/// look at them.
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
               resources.shards, FramedRows::place_of(resources.shards, must_stay())),
        clock_(resources.timeline),
        ended_(resources.timeline, ended_key) {
    const auto gap_us = gap_of(view_);
    if (closes() && gap_us) {
      const TimeToLive life{TimeToLive::By::event_time, *gap_us + *frames().settles_us};
      expiry_ = std::make_unique<Expiry>(resources.table_options(family, expiry_prefix),
                                         resources.shards, life);
    }
    for (unsigned i = 0; i < resources.shards; ++i) {
      shards_.push_back(std::make_unique<Shard>(*this, i, gap_us, resources));
      shards_[i]->tables = {&table_.shard(i)};
      if (expiry_) shards_[i]->tables.push_back(&expiry_->table(i));
    }
  }

  Status prepare() {
    LEAT_TRY(inputs_.prepare());
    return runner_.prepare();
  }
  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>& late) override {
    return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
      if (closes()) {
        const EventTimeUs now = clock_.now();
        work.take_times(
            rows, frames().order[0].column,
            [&](EventTimeUs time) { return FramedClosing::is_late(frames(), time, now); }, late);
      }
      order_.encode(rows.rows(), work.orders);
    });
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    Shard& shard = *shards_[index];
    for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
    shard.eviction.apply(shard.tables);
    std::vector<OrderedRows::Row> rows;
    for (const KeyedWork* work : inputs_.in_order()) {
      for (const std::uint32_t row : work->scatter.rows_of(index)) {
        rows.push_back({work->keys[row], work->orders[row], work->rows[row], work->weight(row)});
      }
    }
    Batch batch;
    for (FramedRows::Extent& extent : LEAT_TRY(add(shard, context, rows))) {
      LEAT_TRY(compute(shard, std::move(extent), batch));
    }
    LEAT_TRY(run(shard, batch));
    if (context.changes_wanted) {
      LEAT_TRY(write_output_changes(shard.rows.table(), runner_.output_codec(), query_.output,
                                    !closes(), output));
    }
    if (closes()) LEAT_TRY(forget(shard));
    state::publish_counts(shard.tables);
    inputs_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    for (state::KeyedShard* table : shards_[index]->tables) table->persist(batch);
    if (index != 0) return {};
    definition_.persist(family_, batch);
    row_count_.persist(family_, batch);
    if (!closes()) return {};
    clock_.persist(family_, batch);
    ended_.persist(family_, batch);
    return {};
  }
  Status restore() override {
    LEAT_TRY(definition_.check(resources_.store, family_));
    LEAT_TRY(row_count_.restore(resources_.store, family_));
    LEAT_TRY(clock_.restore(resources_.store, family_));
    LEAT_TRY(ended_.restore(resources_.store, family_));
    if (expiry_) LEAT_TRY(expiry_->restore(resources_.bytes_max_a_shard()));
    return table_.restore(resources_.bytes_max_a_shard(), [&](unsigned shard, state::Entry* entry) {
      if (entry->has(state::Entry::pinned)) shards_[shard]->closing.index(entry);
    });
  }
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override {
    if (closes()) return {};
    return scan_outputs(table_, FramedRows::record_size(), query_.output, runner_.output_codec(),
                        snapshot, row_sink);
  }
  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override {
    return table_.memory_bytes() + (expiry_ ? expiry_->memory_bytes() : 0);
  }
  std::uint64_t refused() const override { return runner_.refused(); }
  std::string last_refusal() const override { return runner_.last_refusal(); }

 private:
  struct Shard {
    Shard(FramedViewOperator& view, unsigned index, std::optional<std::int64_t> gap_us,
          const Resources& resources)
        : rows(view.table_.shard(index), view.frames(), view.row_count_, gap_us),
          closing(rows, view.frames(), view.expiry_.get(), index, resources.shards),
          eviction(resources) {}
    FramedRows rows;
    FramedClosing closing;
    EvictionPolicy eviction;
    std::vector<state::KeyedShard*> tables;
    std::vector<state::Entry*> given;  // where they close, in the epoch
  };
  /// Stretches to be run together.
  struct Batch {
    KeyedFeed feed{1};
    std::deque<FramedRows::Stretch> stretches;  // of each unit
  };

  const sql::KeyedQuery::Frames& frames() const { return *query_.frames; }
  bool closes() const { return frames().closes; }

  /// Of rows that are restored: those that the watermark has not passed.
  std::function<bool(const OrderedRows::Row&)> must_stay() const {
    if (!closes()) return {};
    return [this](const OrderedRows::Row& row) {
      return FramedClosing::end_of(frames(), row.order) > clock_.now();
    };
  }

  /// Takes in the epoch's rows, and says which are to be computed.
  Result<std::vector<FramedRows::Extent>> add(Shard& shard, const EpochContext& context,
                                              std::span<const OrderedRows::Row> added) {
    const auto lock = shard.rows.table().lock();
    const std::span<state::Entry* const> entries = LEAT_TRY(shard.rows.add(added));
    if (!closes()) return shard.rows.near(added);
    shard.closing.add(entries);
    return close(shard, context);
  }

  /// When the input has ended all rows leave. But time has not come to an end: it moves on to where
  /// they would have left.
  Result<std::vector<FramedRows::Extent>> close(Shard& shard, const EpochContext& context) {
    const bool ended = context.watermark == end_of_time;
    const EventTimeUs time = ended
                                 ? std::max(shard.closing.last_end(), clock_.before(context.epoch))
                                 : context.watermark;
    if (time == no_watermark) return std::vector<FramedRows::Extent>();
    auto final = LEAT_TRY(shard.closing.close({time, ended, ended_.before(context.epoch)}));
    clock_.advance(context.epoch, time);
    if (ended) ended_.advance(context.epoch, time);
    return final;
  }

  /// Once what the epoch's rows gave has left.
  static Status forget(Shard& shard) {
    const auto lock = shard.rows.table().lock();
    for (state::Entry* entry : shard.given) LEAT_TRY(shard.rows.clear(entry));
    shard.given.clear();
    return shard.closing.forget();
  }

  /// Puts the rows of the extent into the batch, which is run as soon as it is full; where rows
  /// carry something on, so that the next are never in one with those before them.
  Status compute(Shard& shard, FramedRows::Extent extent, Batch& batch) {
    for (std::optional<FramedRows::Extent> rest = std::move(extent); rest;) {
      FramedRows::Stretch& stretch = batch.stretches.emplace_back();
      {
        const auto lock = shard.rows.table().lock();
        LEAT_TRY(shard.rows.read(*rest, stretch_rows_max, stretch));
        rest = stretch.rest;
        if (stretch.broken) LEAT_TRY(give_nothing(shard, stretch));
      }
      if (stretch.rows.empty() || stretch.broken) {
        batch.stretches.pop_back();
        continue;
      }
      batch.feed.begin_unit(stretch.carried);
      for (const FramedRows::Stretch::Row& row : stretch.rows) {
        batch.feed.add(0, row.bytes, row.weight);
      }
      if (batch.feed.full() || (rest && shard.rows.runs())) LEAT_TRY(run(shard, batch));
    }
    return {};
  }

  /// A stretch that fails is run in halves, until it is one row that fails. Then there is nothing
  /// of this one.
  Status run(Shard& shard, Batch& batch) {
    std::vector<std::pair<FramedRows::Extent, FramedRows::Extent>> halves;
    LEAT_TRY(runner_.run(batch.feed, [&](const KeyedRunner::Result& result) -> Status {
      const FramedRows::Stretch& stretch = batch.stretches[result.unit];
      const auto lock = shard.rows.table().lock();
      if (result.computed) return take(shard, stretch, result);
      if (std::ranges::count(stretch.rows, true, &FramedRows::Stretch::Row::wanted) > 1) {
        halves.push_back(shard.rows.halves_of(stretch));
        return {};
      }
      runner_.note_refusal(result.refusal);
      return give_nothing(shard, stretch);
    }));
    batch.feed.clear();
    batch.stretches.clear();
    for (auto& [first, second] : halves) {
      LEAT_TRY(compute(shard, std::move(first), batch));
      LEAT_TRY(run(shard, batch));
      LEAT_TRY(compute(shard, std::move(second), batch));
      LEAT_TRY(run(shard, batch));
    }
    return {};
  }

  /// Gives each row of a stretch what was made of it.
  Status take(Shard& shard, const FramedRows::Stretch& stretch, const KeyedRunner::Result& result) {
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
      const Status status = shard.rows.give(row.entry, given, shard.rows.runs() ? carried : "");
      if (!status && status.error().domain != Domain::user) return status;
      if (status) {
        if (closes()) shard.given.push_back(row.entry);
        continue;
      }
      runner_.note_refusal(status.error().message);
      LEAT_TRY(give_nothing(shard, row.entry));
    }
    return {};
  }

  Status give_nothing(Shard& shard, const FramedRows::Stretch& stretch) {
    for (const FramedRows::Stretch::Row& row : stretch.rows) {
      if (row.wanted) LEAT_TRY(give_nothing(shard, row.entry));
    }
    return {};
  }

  /// Where they close nothing is ever computed again: the others go on as if it had not come.
  Status give_nothing(Shard& shard, state::Entry* entry) {
    if (closes()) {
      shard.rows.drop(entry);
      return {};
    }
    std::vector<std::string_view> none;
    return shard.rows.give(entry, none, {});
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
  WindowClock clock_;               // where they close: how far the watermark was
  WindowClock ended_;               // and where the input had ended
  std::unique_ptr<Expiry> expiry_;  // null: no key is over
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
