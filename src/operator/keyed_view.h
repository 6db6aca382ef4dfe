#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "operator/definition_record.h"
#include "operator/detail_table.h"
#include "operator/eviction.h"
#include "operator/keyed_inputs.h"
#include "operator/keyed_output.h"
#include "operator/keyed_runner.h"
#include "operator/rank_order.h"
#include "operator/ranked_rows.h"
#include "operator/row_pages.h"
#include "operator/view.h"
#include "operator/window_clock.h"
#include "operator/window_end.h"
#include "state/keyed_table.h"

namespace leat::op {

/// What the state of a keyed view was made by.
std::string definition_of(const KeyedView& view);

/// A query run anew for each key whose rows have changed. All rows of a key are fed to it, so that
/// an epoch costs what the keys that it touches hold: a key of a hundred thousand rows that gets
/// one row an epoch costs a hundred thousand rows an epoch. With `survivors` a key holds only what
/// the query gave; and of a ranking (`row_number() … <= n`, ORDER BY … LIMIT) the first rows of a
/// key are found in an ordered index, and only they are fed, where they may have changed. With
/// `frames` it is another operator (framed_view.h).
///
/// Where the first key says a window that ends, the keys of a window are run when it closes
/// (Emit::on_close) or whenever their rows change until then. When nothing of the window can come
/// any more its rows are forgotten, and what the query gave stays as it is. Its functions stand in
/// three files: windows in keyed_windows.cc, rankings in keyed_ranks.cc, the rest in
/// keyed_view.cc.
class KeyedViewOperator final : public ViewOperator {
 public:
  KeyedViewOperator(const std::string& name, const KeyedView& view,
                    const std::vector<Schema>& inputs, const Resources& resources,
                    state::Family& family);

  /// The rest of construction, which can fail.
  Status prepare();

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t input, const ChangeChunk& changes,
                std::vector<LateRow>& late) override {
    if (!windowed_) {
      return inputs_.absorb(worker, input, changes, [&](const InputRows& rows, KeyedWork& work) {
        if (order_) order_->encode(rows.rows(), work.orders);
      });
    }
    return absorb_windows(worker, input, changes, late);
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
    std::vector<std::string_view> lowest;  // of ranked rows: by touched key, where a change begins
    std::unique_ptr<RankedRows> ranked;
    bool has_only_key = false;
    std::unique_ptr<KeyedOutputWriter> writer;
    // Where windows end: pages of keys whose windows have not been given out, of those that still
    // take rows, and outputs that are to be forgotten some day.
    std::vector<WindowIndex> open;  // of each input
    std::vector<WindowIndex> settling;
    WindowIndex retained;
    EventTimeUs closed = no_watermark;  // what has closed, the epoch that runs included
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

  EventTimeUs end_of(std::string_view key) const {
    return window_end_of(key, query_.window_key->width_us);
  }
  /// Windows that end at or before this take no more rows, when those up to `closed` have closed.
  EventTimeUs settled_by(EventTimeUs closed) const {
    return closed == no_watermark ? closed : add_saturated(closed, -view_.open_for_us());
  }
  /// Nothing of the key is given out yet.
  bool is_open(const Shard& shard, std::string_view key) const {
    return closes_ && end_of(key) > shard.closed;
  }
  Status absorb_windows(unsigned worker, std::size_t input, const ChangeChunk& changes,
                        std::vector<LateRow>& late);
  EventTimeUs time_of(const EpochContext& context, const Shard& shard) const;
  void index_group(std::size_t input, unsigned index, RowPages::Group group);
  Status close_windows(EventTimeUs time, unsigned index, Shard& shard);
  Status settle_windows(const EpochContext& context, EventTimeUs time, unsigned index,
                        Shard& shard);
  void retain(Shard& shard, unsigned index, state::Entry* entry);
  void touch(Shard& shard, state::Entry* entry) {
    if (shard.touched_at.try_emplace(entry, shard.touched.size()).second) {
      shard.touched.push_back(entry);
    }
  }
  Status ensure_only_key(unsigned index, Shard& shard);
  Status take_rows(const KeyedWork& work, unsigned index, Shard& shard);
  Status take_ranked(const KeyedWork& work, unsigned index, Shard& shard);
  Status run_ranked(unsigned index, Shard& shard);
  Status run_touched(unsigned index, Shard& shard);
  Status find_groups(unsigned index, Shard& shard, std::span<state::Entry* const> entries,
                     std::vector<std::vector<RowPages::Group>>& groups);
  Status run(unsigned index, Shard& shard, Batch& batch);
  Status forget_losers(unsigned index, Shard& shard, RowPages::Group group,
                       std::span<const std::string_view> rows,
                       std::span<const std::uint8_t> survives);

  const KeyedView view_;
  const sql::KeyedQuery& query_;
  const Resources resources_;
  state::Family& family_;
  const bool windowed_;  // windows end
  const bool closes_;    // and are given out then
  DefinitionRecord definition_;
  WindowClock clock_;
  KeyedInputs inputs_;
  KeyedRunner runner_;
  state::KeyedTable outputs_;
  std::vector<std::unique_ptr<RowPagesTable>> pages_;  // of each input; of ranked rows none
  std::unique_ptr<RankOrder> order_;                   // null: rows are not ranked
  std::unique_ptr<state::KeyedTable> ranked_;
  std::vector<Shard> shards_;
  StoredRowCount row_count_;
};

}  // namespace leat::op
