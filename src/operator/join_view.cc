#include <algorithm>
#include <memory>
#include <span>

#include "base/check.h"
#include "operator/asof_view.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/join_definition.h"
#include "operator/join_shard.h"
#include "operator/keyed_inputs.h"
#include "operator/view.h"
#include "operator/window_clock.h"

namespace leat::op {
namespace {

/// A join keeps the rows of both of its inputs, and none of its output.
class JoinViewOperator final : public ViewOperator {
 public:
  JoinViewOperator(const std::string& name, const JoinView& view, const std::vector<Schema>& inputs,
                   const Resources& resources, state::Family& family)
      : view_(view),
        query_(view_.query),
        resources_(resources),
        family_(family),
        definition_(name, definition_of(view_)),
        plan_(view_, resources.database),
        inputs_({query_.left, query_.right}, query_.key_count, inputs, resources),
        clock_(resources.timeline) {
    for (const bool left : {true, false}) {
      pages_.push_back(std::make_unique<RowPagesTable>(
          resources.table_options(family, details_prefix_of(left ? 0 : 1)), resources.shards,
          RowPagesTable::Layout{plan_.counts(left), JoinSide::tail_bytes(plan_.time.has_value()),
                                plan_.forgets()}));
    }
    for (unsigned i = 0; i < resources.shards; ++i) {
      shards_.push_back(
          std::make_unique<Shard>(plan_, pages_[0]->shard(i), pages_[1]->shard(i), resources));
    }
  }

  Status prepare() {
    LEAT_TRY(inputs_.prepare());
    return plan_.condition.prepare();
  }

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>& late) override {
    return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
      find_times(rows, work, late);
    });
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    Shard& shard = *shards_[index];
    state::KeyedShard* const tables[] = {&pages_[0]->shard(index).table(),
                                         &pages_[1]->shard(index).table()};
    for (state::KeyedShard* table : tables) table->begin(context.epoch);
    shard.eviction.apply(tables);
    shard.join.begin(context.changes_wanted ? &output : nullptr);
    for (const KeyedWork* work : inputs_.in_order()) {
      const auto left_lock = tables[0]->lock();
      const auto right_lock = tables[1]->lock();
      LEAT_TRY(shard.join.take(*work, work->scatter.rows_of(index)));
    }
    if (plan_.forgets()) LEAT_TRY(close(context, shard));
    LEAT_TRY(shard.join.finish());
    state::publish_counts(tables);
    inputs_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    for (const auto& pages : pages_) pages->shard(index).table().persist(batch);
    if (index != 0) return {};
    definition_.persist(family_, batch);
    clock_.persist(family_, batch);
    return {};
  }

  Status restore() override {
    LEAT_TRY(definition_.check(resources_.store, family_));
    LEAT_TRY(clock_.restore(resources_.store, family_));
    for (const bool left : {true, false}) {
      LEAT_TRY(pages_[left ? 0 : 1]->restore(resources_.bytes_max_a_shard(),
                                             [&](unsigned shard, RowPages::Group group) {
                                               if (plan_.forgets())
                                                 shards_[shard]->join.side(left).index(group);
                                             }));
    }
    return {};
  }

  Status scan(const state::Snapshot&, const std::function<bool(const Chunk&)>&) const override {
    return {};
  }
  std::uint64_t row_count() const override { return 0; }
  std::uint64_t memory_bytes() const override {
    return pages_[0]->memory_bytes() + pages_[1]->memory_bytes();
  }
  std::uint64_t refused() const override { return plan_.condition.refused(); }
  std::string last_refusal() const override { return plan_.condition.last_refusal(); }

 private:
  struct Shard {
    Shard(JoinPlan& plan, RowPages& left, RowPages& right, const Resources& resources)
        : join(plan, left, right), eviction(resources) {}
    JoinShard join;
    EvictionPolicy eviction;
  };

  /// Marks rows that match nothing, for want of a key or a time, with the time no_watermark, and
  /// leaves out those that are late. Without a bound there are times only where a row has none.
  void find_times(const InputRows& rows, KeyedWork& work, std::vector<LateRow>& late) const {
    if (plan_.time) {
      const sql::JoinQuery::TimeBound& bound = *query_.bound;
      const EventTimeUs now = clock_.now();
      work.take_times(
          rows, work.input == 0 ? bound.left_column : bound.right_column,
          [&](EventTimeUs time) { return time != no_watermark && plan_.time->is_late(time, now); },
          late);
    }
    if (plan_.window) leave_out_late(rows, work, late);
    work.mark_null_keys(rows, query_.key_count);
  }

  void leave_out_late(const InputRows& rows, KeyedWork& work, std::vector<LateRow>& late) const {
    const EventTimeUs now = clock_.now();
    if (now == no_watermark) return;
    const EventTimeUs gone = add_saturated(now, -view_.open_for_us());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (work.skip[row] != 0 || window_end_of(work.keys[row], plan_.window->width_us) > gone) {
        continue;
      }
      work.skip[row] = 1;
      const std::uint32_t input_row = rows.input_row(row);
      if (work.weight(row) < 0) continue;
      if (late.empty() || late.back().row != input_row) late.push_back({input_row});
    }
  }

  /// When the input has ended outer rows leave. But time has not come to an end: where there are
  /// none, nothing is forgotten, as rows that match may come in a later run.
  Status close(const EpochContext& context, Shard& shard) {
    EventTimeUs time = context.watermark;
    if (time == end_of_time) {
      const bool leaves = plan_.waits && (plan_.keeps(true) || plan_.keeps(false));
      time = leaves ? std::max(shard.join.side(true).last_end(), shard.join.side(false).last_end())
                    : no_watermark;
    }
    if (time == no_watermark) return {};
    LEAT_TRY(shard.join.close(plan_.time ? time : add_saturated(time, -view_.open_for_us())));
    clock_.advance(context.epoch, time);
    return {};
  }

  const JoinView view_;
  const sql::JoinQuery& query_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  JoinPlan plan_;
  KeyedInputs inputs_;
  WindowClock clock_;
  std::vector<std::unique_ptr<RowPagesTable>> pages_;  // left's, right's
  std::vector<std::unique_ptr<Shard>> shards_;
};

Status check_join(const std::string& name, const sql::JoinQuery& query) {
  for (const sql::ViewInput* input : {&query.left, &query.right}) {
    for (const Column& column : input->schema) {
      if (VectorShape::supports(column.type)) continue;
      return user_error("unsupported-type",
                        "view `{}` cannot join rows with column `{}` of type {}; cast it to "
                        "VARCHAR",
                        name, column.name, column.type.to_sql());
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_join_view(const std::string& name, const JoinView& view,
                                                     const std::vector<Schema>& inputs,
                                                     const Resources& resources) {
  LEAT_CHECK(inputs.size() == 2);
  LEAT_TRY(check_join(name, view.query));
  state::Family* family = LEAT_TRY(resources.store.family(family_of_view(name)));
  if (view.query.asof) return make_asof_view(name, view, inputs, resources, *family);
  auto made = std::make_unique<JoinViewOperator>(name, view, inputs, resources, *family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
