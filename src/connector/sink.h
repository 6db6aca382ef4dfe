#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "connector/sink_input.h"
#include "model/changes.h"

namespace leat::connector {

/// A row that the system will never take: too large, a constraint, a type. It goes to the dead
/// letters with the system's words.
struct RefusedRow {
  std::size_t part = 0;
  std::size_t row = 0;
  std::string reason;
};

/// A sink on our own disk: it takes part in the epoch's commit, so that its rows are exactly the
/// committed ones.
///
/// Per epoch: `encode` on any worker thread, `write` in input order by the engine's thread. Per
/// commit: `prepare` makes all that was written so far durable and returns what recovery needs,
/// which is stored in the same atomic commit as the input positions; once that commit is durable,
/// `committed` makes the rows visible. Where `write` or `committed` gives `disk-full`, nothing of
/// it was done, and it is called again.
class EpochSink {
 public:
  virtual ~EpochSink() = default;
  /// Bytes of these rows as the sink's format has them, appended to `out`. Const: called from
  /// several threads at once.
  virtual Status encode(const ChangeChunk& changes, std::string& out) const = 0;
  /// The same, of a sink that can't hold every row: those that it can't are left out, and named.
  virtual Status encode_or_refuse(const ChangeChunk& changes, std::string& out,
                                  std::vector<RefusedRow>& refused) const {
    (void)refused;
    return encode(changes, out);
  }
  virtual Status write(std::string_view encoded, std::uint64_t rows) = 0;
  virtual Result<std::string> prepare() = 0;
  virtual Status committed() = 0;
  /// Before the first write after a start: goes back to what the last commit's `prepare` returned;
  /// nothing: a first start.
  virtual Status recover(const std::optional<std::string>& prepared) = 0;
  /// The pipeline ended (`--once`): the next prepare/committed makes everything visible, however
  /// little.
  virtual void finish() = 0;
  /// True when a commit would make rows visible that nothing but the lapse of time keeps back: an
  /// idle engine asks about once a second, and commits then. Called by the thread that writes.
  virtual bool wants_commit() const { return false; }
};

/// Up to chunk_rows_max consecutive rows of a sink's input. Every row has its weight, place and
/// version.
struct SinkRows {
  Chunk rows;
  std::vector<std::int64_t> weights;  ///< +1: the row is there now; -1: it is no more
  std::vector<Offset> offsets;        ///< in the partition of the batch; rising
  /// Microseconds since 1970, about when the row's epoch was committed: the same at every replay,
  /// never falling, and greater for a key's new row than for the old one that it takes the place
  /// of. A row that is taken back has its old version or a greater one.
  std::vector<std::int64_t> versions_us;
};

/// What a sink is given to write at a time. The row that takes back what a key was comes right
/// before the one that puts in what it is now, and both are in the same batch.
struct SinkBatch {
  std::vector<SinkRows> parts;
  Partition partition;   ///< of the topic or changelog; a batch is of one partition
  std::string position;  ///< where the sink's input goes on after this batch: opaque, a few bytes
  std::size_t rows = 0;  ///< in all parts
  /// Puts refused rows among the dead letters, durably. A sink that stores the position with the
  /// rows calls it before it commits and then returns none from `write`: were it the other way
  /// round, a crash in between would lose the letters. Never null.
  std::function<Status(std::span<const RefusedRow>)> set_aside;
};

/// A sink in another system. It reads its input from the log with a cursor of its own, so that a
/// system that is down delays this sink alone. Each is used by one thread; another one may ask for
/// `stop` at any time, and every call then returns within a second or two, with any error.
///
/// Errors: transient ones (`Error::retryable`) are an outage, and the call is tried again with
/// growing waits; all others are told and tried again too, but seldom, as only somebody's hand can
/// mend them (a wrong password, a missing table). `sink-fenced`: another instance has taken over;
/// this sink ends.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Connects, makes what is missing where the user wants that, and checks what is there against
  /// the input's columns. Called before the first `write`, and again after each one that failed.
  /// Gives the position that was stored with the last rows, where the system keeps it (exactly
  /// once); nothing: the position is kept by Leat, and rows after it may be written again.
  virtual Result<std::optional<std::string>> open(std::stop_token stop) = 0;
  /// Writes the batch, returns once the system has made it durable (or, where `settle` says how far
  /// that reaches, has taken it), and gives the rows that it
  /// refuses for good; all others are written. On an error none, some or all are: the batch is
  /// written again, after `open`. Bounded by a timeout of the sink's own.
  virtual Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) = 0;
  /// Of a sink that gathers the rows of many batches: makes durable what is due by its size or age,
  /// or with `all` (the pipeline ends) whatever there is. Called after each `write`, and about once
  /// a second when there is nothing to write. Gives the position after the newest batch that is
  /// durable with all before it, empty where there is none since `open`; nothing: everything that
  /// `write` took is durable. Rows after that position are read again after a failure or a restart.
  virtual Result<std::optional<std::string>> settle(bool all, std::stop_token stop) {
    (void)all;
    (void)stop;
    return std::nullopt;
  }
  /// For `leat check --connect`: connects and looks, changes nothing. Gives what was found in a
  /// line; an Error says what is missing and how to make it.
  virtual Result<std::string> probe(std::stop_token stop) = 0;
};

}  // namespace leat::connector
