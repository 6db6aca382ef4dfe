#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_output.h"
#include "operator/rank_order.h"
#include "operator/view.h"
#include "state/keyed_table.h"

namespace leat::op {

/// The first rows of each key in some order, of rows that only come: `row_number() OVER (PARTITION
/// BY … ORDER BY …) <= n`, DISTINCT ON, ORDER BY … LIMIT. A key's rows lie in order in one blob,
/// which is all that is kept: it is the view's rows, and what falls behind them is forgotten. Rows
/// that are ordered alike stand as they came. An epoch costs what the keys that it touches hold.
class FirstRowsViewOperator final : public ViewOperator {
 public:
  FirstRowsViewOperator(const std::string& name, const KeyedView& view, const Schema& input,
                        const Resources& resources, state::Family& family);

  /// The rest of construction, which can fail.
  Status prepare() { return inputs_.prepare(); }

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>&) override {
    return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
      order_.encode(rows.rows(), work.orders);
    });
  }
  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned index, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override { return table_.memory_bytes(); }

 private:
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    // Scratch space.
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> entries;
    std::string list;
  };
  class Writer;

  Status take_rows(const KeyedWork& work, unsigned index);
  Status insert(state::KeyedShard& table, state::Entry* entry, std::string_view order,
                std::string_view row, Shard& shard);
  Status write_changes(unsigned index, std::vector<ChangeChunk>& output);

  const KeyedView view_;
  const sql::KeyedQuery& query_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  const RankOrder order_;
  const std::size_t count_;
  std::vector<std::size_t> row_places_;     // in the output, of the columns of a row
  std::vector<std::size_t> number_places_;  // and of its number
  state::KeyedTable table_;
  std::vector<Shard> shards_;
  StoredRowCount row_count_;
};

}  // namespace leat::op
