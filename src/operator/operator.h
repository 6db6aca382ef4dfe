#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "model/changes.h"
#include "model/schema.h"
#include "state/store.h"

namespace leat::op {

/// Microseconds since 1970-01-01T00:00:00Z in event time; `no_watermark` before anything is known.
using EventTimeUs = std::int64_t;
inline constexpr EventTimeUs no_watermark = std::numeric_limits<EventTimeUs>::min();
/// The input has ended (`--once`): every window closes.
inline constexpr EventTimeUs end_of_time = std::numeric_limits<EventTimeUs>::max();

/// A row that a view can't take any more: its window was closed, or its state forgotten. Where
/// windows overlap, that may be true of some of its windows, and it counts in the others.
struct LateRow {
  std::uint32_t row = 0;     ///< index in the absorbed chunk
  std::uint32_t closed = 1;  ///< windows that it is too late for; 0: it goes by its time alone
  std::uint32_t open = 0;    ///< windows that it counts in
};

/// What holds for one epoch, the same for all calls in it.
struct EpochContext {
  Epoch epoch;
  EventTimeUs watermark = no_watermark;  ///< of the view's input, after this epoch's rows were read
  bool changes_wanted =
      false;            ///< somebody (a view, a sink, a subscriber) takes this view's changes
  EventTimeUs now = 0;  ///< the epoch's time, by the clock
};

/// The computation of one view. The runtime calls, each epoch, with a barrier between the phases:
///
///   absorb   for each chunk of input, on any worker, several workers at once
///   merge    once per shard, several shards at once; state of a shard is touched by nobody else
///
/// and at a commit, with no epoch running, `persist` once per shard. Between epochs any thread may
/// `scan`. The law it keeps: the sum of all changes it gave out is what DuckDB answers for the
/// view's SQL over the sum of all changes it took in.
class ViewOperator {
 public:
  virtual ~ViewOperator() = default;

  virtual const Schema& output() const = 0;

  /// Takes in one chunk's changes of the view's input with this number (0 where it has one only).
  /// `late`, which is empty, gets the rows refused because their
  /// window has been closed, each once; they change nothing but the windows that are open. Error:
  /// the view's own SQL failed on a row (`row-failed`, user); nothing of the chunk was taken in,
  /// and the caller finds the culprit by absorbing halves. What the chunk's texts point to must
  /// stay readable until all shards have merged.
  virtual Status absorb(unsigned worker, const EpochContext& context, std::size_t input,
                        const ChangeChunk& changes, std::vector<LateRow>& late) = 0;

  /// Brings the shard's state up to the epoch and, when wanted, appends its output's changes,
  /// cancelled out per row. The row that an aggregate without GROUP BY always has is given out by
  /// the first epoch, also when nothing came in.
  virtual Status merge(unsigned shard, const EpochContext& context,
                       std::vector<ChangeChunk>& output) = 0;

  /// Writes what changed since the last commit into the batch.
  virtual Status persist(unsigned shard, state::CommitBatch& batch) = 0;

  /// Loads what the last commit held. Called once, before the first epoch.
  virtual Status restore() = 0;

  /// The view's rows as of the snapshot, chunk by chunk, until `row_sink` says false. Any thread,
  /// also while epochs run. Error `rows-not-kept` (user) where there
  /// are none to ask for.
  virtual Status scan(const state::Snapshot& snapshot,
                      const std::function<bool(const Chunk&)>& row_sink) const = 0;

  /// Number of rows now, approximately while an epoch runs; and the bytes of memory that its state
  /// takes.
  virtual std::uint64_t row_count() const = 0;
  virtual std::uint64_t memory_bytes() const = 0;

  /// The time by the clock from which on rows may leave the view although nothing comes in: an
  /// epoch is due then. Between epochs.
  virtual EventTimeUs wakes_at() const { return end_of_time; }

  /// How often a row could not be computed from its group since the start, and why the last one;
  /// the view is without such a row until it can be. Any thread.
  virtual std::uint64_t refused() const { return 0; }
  virtual std::string last_refusal() const { return {}; }
};

}  // namespace leat::op
