#include "operator/asof_view.h"

#include "operator/asof_shard.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/expiry.h"
#include "operator/join_definition.h"
#include "operator/rank_order.h"
#include "operator/window_clock.h"

namespace leat::op {
namespace {

/// `left ASOF JOIN right`: keeps the rows of both sides in order, and none of its output.
class AsofViewOperator final : public ViewOperator {
 public:
  AsofViewOperator(const std::string& name, const JoinView& view, const std::vector<Schema>& inputs,
                   const Resources& resources, state::Family& family)
      : view_(view),
        query_(view_.query),
        plan_(view_),
        resources_(resources),
        family_(family),
        definition_(name, definition_of(view_)),
        inputs_({query_.left, query_.right}, equal_keys(), inputs, resources, 1),
        clock_(resources.timeline) {
    for (const bool left : {true, false}) {
      const sql::ViewInput& input = left ? query_.left : query_.right;
      const sql::KeyedQuery::Order order{.column = equal_keys(),
                                         .descending = query_.asof->following};
      orders_.push_back(std::make_unique<RankOrder>(input.schema, std::vector{order}));
      tables_.push_back(std::make_unique<state::KeyedTable>(
          OrderedRows::options_of(resources.table_options(family, details_prefix_of(left ? 0 : 1))),
          resources.shards, OrderedRows::place_of(resources.shards, must_stay(left))));
    }
    if (view_.ttl) {
      expiry_ = std::make_unique<Expiry>(resources.table_options(family, expiry_prefix),
                                         resources.shards, *view_.ttl);
    }
    for (unsigned i = 0; i < resources.shards; ++i) {
      shards_.push_back(std::make_unique<Shard>(plan_, tables_[0]->shard(i), tables_[1]->shard(i),
                                                expiry_.get(), i, resources));
      shards_[i]->tables = {&tables_[0]->shard(i), &tables_[1]->shard(i)};
      if (expiry_) shards_[i]->tables.push_back(&expiry_->table(i));
    }
  }

  Status prepare() { return inputs_.prepare(); }
  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>& late) override {
    return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
      if (plan_.closes) {
        const EventTimeUs now = clock_.now();
        work.take_times(
            rows, equal_keys(),
            [&](EventTimeUs time) { return time != no_watermark && time < now; }, late);
      }
      work.mark_null_keys(rows, query_.key_count);
      orders_[input]->encode(rows.rows(), work.orders);
    });
  }

  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override {
    Shard& shard = *shards_[index];
    for (state::KeyedShard* table : shard.tables) table->begin(context.epoch);
    shard.eviction.apply(shard.tables);
    LEAT_TRY(
        shard.join.merge(inputs_.in_order(), index, context.changes_wanted ? &output : nullptr));
    if (plan_.closes) {
      clock_.advance(context.epoch, LEAT_TRY(shard.join.close(context.watermark)));
    }
    LEAT_TRY(shard.join.finish());
    state::publish_counts(shard.tables);
    inputs_.merged();
    return {};
  }

  Status persist(unsigned index, state::CommitBatch& batch) override {
    for (state::KeyedShard* table : shards_[index]->tables) table->persist(batch);
    if (index != 0) return {};
    definition_.persist(family_, batch);
    clock_.persist(family_, batch);
    return {};
  }

  Status restore() override {
    LEAT_TRY(definition_.check(resources_.store, family_));
    LEAT_TRY(clock_.restore(resources_.store, family_));
    if (expiry_) LEAT_TRY(expiry_->restore(resources_.bytes_max_a_shard()));
    for (const bool left : {true, false}) {
      LEAT_TRY(tables_[left ? 0 : 1]->restore(resources_.bytes_max_a_shard(),
                                              [&](unsigned shard, state::Entry* entry) {
                                                if (entry->has(state::Entry::pinned))
                                                  shards_[shard]->join.index(left, entry);
                                              }));
    }
    return {};
  }

  Status scan(const state::Snapshot&, const std::function<bool(const Chunk&)>&) const override {
    return {};
  }
  std::uint64_t row_count() const override { return 0; }
  std::uint64_t memory_bytes() const override {
    return tables_[0]->memory_bytes() + tables_[1]->memory_bytes() +
           (expiry_ ? expiry_->memory_bytes() : 0);
  }

 private:
  struct Shard {
    Shard(const AsofPlan& plan, state::KeyedShard& left, state::KeyedShard& right, Expiry* expiry,
          unsigned index, const Resources& resources)
        : join(plan, left, right, expiry, index), eviction(resources) {}
    AsofShard join;
    EvictionPolicy eviction;
    std::vector<state::KeyedShard*> tables;
  };

  /// Keys that are compared for equality; the column behind them is what is compared by order.
  std::size_t equal_keys() const { return query_.key_count - 1; }

  /// Of a side's rows that are restored: those that the watermark has not passed. Left rows that
  /// wait for the following row need not be in memory.
  std::function<bool(const OrderedRows::Row&)> must_stay(bool left) const {
    if (!plan_.closes || (left && plan_.following)) return {};
    return [this](const OrderedRows::Row& row) { return plan_.end_of(row.order) > clock_.now(); };
  }

  const JoinView view_;
  const sql::JoinQuery& query_;
  const AsofPlan plan_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  WindowClock clock_;
  std::vector<std::unique_ptr<RankOrder>> orders_;          // left's, right's
  std::vector<std::unique_ptr<state::KeyedTable>> tables_;  // left's, right's
  std::unique_ptr<Expiry> expiry_;                          // null: right rows have no ttl
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace

Result<std::unique_ptr<ViewOperator>> make_asof_view(const std::string& name, const JoinView& view,
                                                     const std::vector<Schema>& inputs,
                                                     const Resources& resources,
                                                     state::Family& family) {
  auto made = std::make_unique<AsofViewOperator>(name, view, inputs, resources, family);
  LEAT_TRY(made->prepare());
  return made;
}

}  // namespace leat::op
