#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/row_codec.h"
#include "operator/change_writer.h"
#include "operator/definition.h"
#include "operator/detail_table.h"
#include "operator/eviction.h"
#include "operator/joined_keys.h"
#include "operator/stored_row_count.h"
#include "operator/view.h"
#include "operator/window_clock.h"
#include "state/keyed_table.h"

namespace leat::op {

/// The rows of a view that gives them one by one, each with how often the view has it. Beside that,
/// where SelectView asks for it: changes are held back (`pace_us`), no two rows may share the
/// values of some columns (`unique`), rows of windows that ended long ago are forgotten
/// (`retain_us`).
///
/// A shard belongs to its merge, which calls, each epoch, begin(), add() for all rows, finish(),
/// the changes, and forget(); wakes_at() is for between epochs.
class KeptRows {
 public:
  KeptRows(const std::string& name, const SelectView& view, const Resources& resources,
           state::Family& family);

  /// Rows of one chunk, ready for the shards.
  struct Rows {
    const EncodedRows& rows;
    const EncodedRows& keys;                   ///< of `unique`, by KeyCodec; else empty
    std::span<const EventTimeUs> window_ends;  ///< only with retain_us or a pace, over windows
    std::span<const std::int64_t> weights;     ///< empty: all +1
  };
  bool has_windows() const { return view_.window_key && (view_.retain_us || view_.pace_us); }
  bool paces() const { return view_.pace_us.has_value(); }

  void begin(unsigned shard, Epoch epoch);
  Status add(unsigned shard, const Rows& rows, std::span<const std::uint32_t> of_shard);
  /// Decides what leaves in this epoch. Error `key-not-unique` (user).
  Status finish(unsigned shard, const EpochContext& context);
  /// What has changed of what the view shows, since the epoch before.
  Status write_changes(unsigned shard, ChangeWriter& writer) const;
  Status forget(unsigned shard, const EpochContext& context);

  void persist(unsigned shard, state::CommitBatch& batch);
  Status restore();
  Status scan(const state::Snapshot& snapshot,
              const std::function<bool(const Chunk&)>& row_sink) const;
  std::uint64_t row_count() const { return row_count_.rows(); }
  std::uint64_t memory_bytes() const;
  EventTimeUs wakes_at() const;

 private:
  /// What stands behind the weight of a record, where it is needed.
  struct Head {
    std::int64_t weight;
    std::int64_t shown;  ///< the weight that was given out; without a pace always the same
    EventTimeUs window_end;
    std::uint32_t key_size;  ///< so many bytes of the entry's key are those of `unique`
    std::uint32_t waits;     ///< 1: its change has not been given out
  };
  struct Shard {
    std::unique_ptr<EvictionPolicy> eviction;
    std::vector<state::KeyedShard*> tables;
    WindowIndex retained;
    std::vector<state::Entry*> waiting;    // pinned
    std::vector<state::Entry*> keys;       // whose number of rows has changed in this epoch
    EventTimeUs watermark = no_watermark;  // that was seen last
    // Scratch space.
    JoinedKeys joined;
    std::vector<state::KeyedShard::Key> row_keys;
    std::vector<state::Entry*> entries;
  };

  /// When changes leave, the same for all shards: rows of one shard take the place of another's.
  struct Pace {
    mutable std::mutex mutex;
    EventTimeUs given_out = 0;  // by the clock, when changes last left before the epoch
    Epoch epoch;                // that was decided last
    EventTimeUs now = 0;        // in it
    bool all = false;           // all changes leave in it
    bool gave = false;          // and there were some
  };

  bool is_plain() const { return !paces() && view_.unique.empty() && !has_windows(); }
  std::size_t record_size() const { return is_plain() ? sizeof(std::int64_t) : sizeof(Head); }
  std::int64_t shown_in(const std::byte* record) const;
  std::string_view row_in(std::string_view key, const std::byte* record) const;
  static Head& head_of(state::Entry* entry) { return *reinterpret_cast<Head*>(entry->record()); }

  void find_row_keys(const Rows& rows, std::span<const std::uint32_t> of_shard, Shard& shard) const;
  Status count_keys(unsigned index, const Rows& rows, std::span<const std::uint32_t> of_shard);
  void note(state::Entry* entry, const Rows& rows, std::uint32_t row, Shard& shard,
            state::KeyedShard& table) const;
  Status check_keys(unsigned index);
  Status refuse_key(std::string_view key) const;
  bool is_due(const EpochContext& context);
  void give_out(unsigned index, const EpochContext& context);

  const std::string name_;
  const SelectView& view_;
  const Resources resources_;
  state::Family& family_;
  const RowCodec codec_;
  state::KeyedTable rows_;
  std::unique_ptr<state::KeyedTable> keys_;  // how many rows each key has; null: none are watched
  std::deque<Shard> shards_;
  Pace pace_;
  StoredRowCount row_count_;
};

}  // namespace leat::op
