#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/column_types.h"
#include "operator/accumulator.h"
#include "operator/definition_record.h"
#include "operator/eviction.h"
#include "operator/expiry.h"
#include "operator/group_rows_writer.h"
#include "operator/joined_keys.h"
#include "operator/pending.h"
#include "operator/value_counts.h"
#include "operator/view.h"
#include "operator/window_clock.h"
#include "sql/came.h"
#include "state/hash.h"

namespace leat::op {

/// One chunk of what `pre` yields, ready for the shards.
struct AggregateWork {
  Chunk rows;
  const std::int64_t* weights = nullptr;  // into rows; null: all +1
  EncodedRows keys;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint64_t> shard_hashes;  // in panes: what rows go to shards by
  std::vector<EventTimeUs> window_ends;     // where the view has windows
  std::vector<EventTimeUs> times;           // where groups live by event time
  std::vector<EncodedRows> encoded;
  std::vector<std::uint8_t> skip;  // late rows, and weights of 0
  Scatter scatter;
  std::uint64_t order = 0;

  void reset() {
    rows = Chunk();
    weights = nullptr;
    skip.clear();
  }
};

struct GroupHead {
  std::int64_t rows;  ///< sum of the weights
  /// The window's end; of a group with a time to live when it was touched last.
  EventTimeUs window_end;
  EventTimeUs& touched() { return window_end; }
};
static_assert(offsetof(GroupHead, rows) == group_rows_offset);
static_assert(offsetof(GroupHead, window_end) == group_window_offset);

inline GroupHead& head_of(state::Entry* group) {
  return *reinterpret_cast<GroupHead*>(group->record());
}
inline const GroupHead& head_of(const std::byte* record) {
  return *reinterpret_cast<const GroupHead*>(record);
}

inline std::vector<std::size_t> first_columns(std::size_t count) {
  std::vector<std::size_t> columns(count);
  for (std::size_t i = 0; i < count; ++i) columns[i] = i;
  return columns;
}

/// An incremental GROUP BY: groups' records in one table, details beside them. Its functions stand
/// in five files: absorb in aggregate_absorb.cc, windows in aggregate_windows.cc, those that are
/// made of panes in aggregate_panes.cc, groups that end with their time to live in
/// aggregate_expiry.cc, the rest in aggregate_view.cc.
class AggregateViewOperator final : public ViewOperator {
 public:
  AggregateViewOperator(const std::string& name, const AggregateView& view, const Schema& input,
                        const Resources& resources, state::Family& family)
      : view_(view),
        query_(view_.query),
        resources_(resources),
        family_(family),
        keeps_windows_(view.end_windows()),
        in_panes_(takes_panes(view)),
        key_columns_(first_columns(query_.key_count)),
        key_codec_(types_of(query_.pre_schema, key_columns_)),
        definition_(name, definition_text()),
        details_(resources.table_options(family, details_prefix), resources.shards, keeps_windows_,
                 view.ttl.has_value()),
        pre_(resources.database, in_panes_ ? query_.panes : query_.pre,
             sql::Program::Input{sql::with_came(input, query_.pre), true, query_.weighted}),
        pending_(resources.workers, resources.shards),
        clock_(resources.timeline),
        shards_(resources.shards) {}

  /// The rest of construction, which can fail.
  Status prepare();

  const Schema& output() const override { return query_.output; }

  Status absorb(unsigned worker, const EpochContext&, std::size_t, const ChangeChunk& input,
                std::vector<LateRow>& late) override;
  Status merge(unsigned index, const EpochContext& context,
               std::vector<ChangeChunk>& output) override;
  Status persist(unsigned index, state::CommitBatch& batch) override;
  Status restore() override;
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const override;

  std::uint64_t row_count() const override {
    std::uint64_t rows = groups_->row_count();
    for (const Shard& shard : shards_) rows -= shard.open_groups.load(std::memory_order_relaxed);
    return query_.key_count == 0 ? 1 : rows;
  }
  std::uint64_t memory_bytes() const override {
    std::uint64_t bytes = groups_->memory_bytes();
    for (const auto& details : details_.all()) bytes += details->memory_bytes();
    if (panes_) bytes += panes_->memory_bytes();
    return bytes + (expiry_ ? expiry_->memory_bytes() : 0);
  }
  EventTimeUs wakes_at() const override { return expiry_ ? expiry_->wakes_at() : end_of_time; }
  std::uint64_t refused() const override { return writer_->refused(); }
  std::string last_refusal() const override { return writer_->last_refusal(); }

 private:
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    std::vector<state::KeyedShard*> tables;  // the groups' first
    WindowIndex panes;                       // by the end of the last window that each is in
    WindowIndex open;      // groups of windows that have not closed; only with Emit::on_close
    WindowIndex settling;  // of those that have been given out, but still take rows
    WindowIndex retained;  // groups that are to be forgotten some day
    bool has_only_group = false;
    EventTimeUs closed = no_watermark;  // what had closed before the epoch that runs
    // Scratch space.
    std::vector<state::KeyedShard::Key> keys;
    std::vector<state::Entry*> groups;
    std::vector<std::int64_t> weights;
    RowSelection filtered;
    JoinedKeys joined;
    std::vector<const std::byte*> parts;
    // Groups in the table that are not rows of the view yet.
    std::atomic<std::uint64_t> open_groups = 0;
  };

  bool closes() const { return view_.emit == Emit::on_close; }
  /// Groups become final some time after their window has ended.
  bool settles() const { return view_.emit != Emit::on_update; }
  /// Windows that end at or before this take no more rows, when those up to `closed` have closed.
  EventTimeUs settled_by(EventTimeUs closed) const {
    return closed == no_watermark ? closed : add_saturated(closed, -view_.allowed_lateness_us);
  }
  bool is_open(const Shard& shard, const state::Entry* group) const {
    return closes() && head_of(group->record()).window_end > shard.closed;
  }
  /// Whether a group of this window must stay in memory.
  bool is_pinned(EventTimeUs window_end) const {
    return keeps_windows_ && (view_.retain_us || window_end > settled_by(clock_.now()));
  }

  /// What rows of a group go to shards by: of panes, without the window, so that all that a group
  /// has in its windows lies in one shard.
  std::uint64_t shard_hash_of(std::string_view key) const;

  std::string definition_text() const;
  void find_window_ends(AggregateWork& work) const;
  void find_skipped(AggregateWork& work, std::vector<LateRow>& late) const;
  void find_skipped_in_panes(AggregateWork& work, std::vector<LateRow>& late) const;
  void count_windows(std::span<AggregateWork* const> works, std::vector<LateRow>& late) const;
  const std::int64_t* input_rows_of(const AggregateWork& work) const;
  void fill(AggregateWork& work, Chunk rows, std::uint64_t order, std::vector<LateRow>& late) const;

  Status ensure_only_group(unsigned index, Shard& shard);
  Status merge_work(const AggregateWork& work, unsigned index, const EpochContext& context,
                    Shard& shard);
  void touch_groups(const AggregateWork& work, const GroupRows& rows, Shard& shard);
  Status touch_living(const AggregateWork& work, const GroupRows& rows, const EpochContext& context,
                      Shard& shard);
  Status end_groups(unsigned index, const EpochContext& context);
  Status end_group(unsigned index, state::Entry* group);
  Status update(const GroupRows& rows, Shard& shard);
  void end_empty_groups(state::KeyedShard& groups, Shard& shard) const;
  Status emit_changes(const state::KeyedShard& groups, const Shard& shard,
                      std::vector<ChangeChunk>& output);
  Status close_windows(unsigned index, const EpochContext& context, Shard& shard,
                       std::vector<ChangeChunk>& output);
  void make_panes_table();
  void take_pane(Shard& shard, state::Entry* pane) const;
  Status make_windows_of_panes(unsigned index, Shard& shard, EventTimeUs time);
  Status make_window(unsigned index, Shard& shard, EventTimeUs window_end);
  Status add_parts(unsigned index, Shard& shard, EventTimeUs window_end);
  void drop_panes(unsigned index, Shard& shard, EventTimeUs time);
  void settle_windows(unsigned index, Shard& shard, EventTimeUs time);
  void forget_windows(unsigned index, Shard& shard, EventTimeUs time);
  void index_group(Shard& shard, state::Entry* group) const;

  const AggregateView view_;
  const sql::AggregateQuery& query_;
  const Resources resources_;
  state::Family& family_;
  const bool keeps_windows_;
  const bool in_panes_;  // rows are taken into panes, of which groups are made when windows close
  const std::vector<std::size_t> key_columns_;
  const KeyCodec key_codec_;
  DefinitionRecord definition_;
  DetailTables details_;
  ProgramPool pre_;
  PendingWork<AggregateWork> pending_;
  WindowClock clock_;
  std::vector<Shard> shards_;
  RecordBuilder record_;
  std::vector<Accumulator::Encoding> encodings_;
  std::vector<std::unique_ptr<Accumulator>> accumulators_;
  std::unique_ptr<state::KeyedTable> groups_;
  std::unique_ptr<state::KeyedTable> panes_;  // records as those of groups; null: there are none
  std::unique_ptr<Expiry> expiry_;            // null: groups stay
  std::unique_ptr<GroupRowsWriter> writer_;
  EventTimeUs stored_time_ = no_watermark;
};

}  // namespace leat::op
