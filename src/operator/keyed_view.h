#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_output.h"
#include "operator/keyed_runner.h"
#include "operator/row_pages.h"
#include "operator/view.h"
#include "state/keyed_table.h"

namespace leat::op {

/// What the state of a keyed view was made by.
std::string definition_of(const KeyedView& view);

/// A query run anew for each key whose rows have changed. All rows of a key are fed to it, so that
/// an epoch costs what the keys that it touches hold: a key of a hundred thousand rows that gets
/// one row an epoch costs a hundred thousand rows an epoch. With `survivors` a key holds only what
/// the query gave.
class KeyedViewOperator final : public ViewOperator {
 public:
  KeyedViewOperator(const std::string& name, const KeyedView& view,
                    const std::vector<Schema>& inputs, const Resources& resources,
                    state::Family& family);

  /// The rest of construction, which can fail.
  Status prepare();

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>&) override {
    return inputs_.absorb(worker, input, changes);
  }
  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned index, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override { return row_count_.rows(); }
  std::uint64_t memory_bytes() const override;
  std::uint64_t refused() const override { return runner_.refused(); }
  std::string last_refusal() const override { return runner_.last_refusal(); }

 private:
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    std::vector<state::KeyedShard*> tables;  // the outputs' first
    std::vector<state::Entry*> touched;      // outputs of the keys whose rows have changed
    std::unordered_map<const state::Entry*, std::size_t> touched_at;
    bool has_only_key = false;
    std::unique_ptr<KeyedOutputWriter> writer;
    // Scratch space.
    std::vector<state::KeyedShard::Key> keys;
    std::vector<std::string_view> key_bytes;
    std::vector<state::Entry*> entries;
    std::vector<RowPages::Group> groups;
    std::string copies;
  };
  /// Keys to be run together.
  struct Batch {
    explicit Batch(std::size_t inputs) : feed(inputs) {}
    KeyedFeed feed;
    std::vector<state::Entry*> entries;      // of each unit
    std::vector<RowPages::Group> survivors;  // of each unit, the one input's group
    void clear() {
      feed.clear();
      entries.clear();
      survivors.clear();
    }
  };

  std::size_t bytes_max_a_shard() const { return resources_.memory_max / resources_.shards; }
  void touch(Shard& shard, state::Entry* entry) {
    if (shard.touched_at.try_emplace(entry, shard.touched.size()).second) {
      shard.touched.push_back(entry);
    }
  }
  Status ensure_only_key(unsigned index, Shard& shard);
  Status take_rows(const KeyedWork& work, unsigned index, Shard& shard);
  Status run_touched(unsigned index, Shard& shard);
  Status find_groups(unsigned index, Shard& shard, std::span<state::Entry* const> entries,
                     std::vector<std::vector<RowPages::Group>>& groups);
  Status run(unsigned index, Shard& shard, Batch& batch);
  Status forget_losers(unsigned index, Shard& shard, RowPages::Group group,
                       std::span<const std::string_view> rows,
                       std::span<const std::uint8_t> survives);
  Status write_changes(unsigned index, std::vector<ChangeChunk>& output) const;

  const KeyedView view_;
  const sql::KeyedQuery& query_;
  const Resources resources_;
  state::Family& family_;
  DefinitionRecord definition_;
  KeyedInputs inputs_;
  KeyedRunner runner_;
  state::KeyedTable outputs_;
  std::vector<std::unique_ptr<RowPagesTable>> pages_;  // of each input
  std::vector<Shard> shards_;
  StoredRowCount row_count_;
};

}  // namespace leat::op
