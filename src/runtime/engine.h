#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "connector/context.h"
#include "model/changes.h"
#include "model/schema.h"
#include "pipeline/graph.h"
#include "runtime/connectors.h"
#include "runtime/replay.h"
#include "runtime/status.h"
#include "sql/file_table.h"
#include "state/store.h"

namespace leat::log {
class Topics;
}
namespace leat::sql {
class Database;
}

namespace leat::runtime {

struct Options {
  std::string data_directory;
  /// What sources and sinks get from this process; files and time are the engine's own, too.
  connector::Context context;
  state::Store::Options store = {};
  std::shared_ptr<sql::Database> database = {};  ///< that queries run in; null: one of its own
  unsigned workers = 0;                          ///< 0: one a core
  /// An epoch with fewer rows than this runs on one worker: waking the others would take longer.
  std::size_t rows_for_all_workers = 4096;
  /// Called when the log's disk has lost what was written to it; null: the process ends.
  std::function<void(const Error&)> disk_failed = {};
  std::uint64_t disk_reserve_bytes = 64u << 20;  ///< with less free than this nothing is accepted
  bool rebuild = false;  ///< compute streams and views anew where they changed, whatever was lost
  bool once = false;     ///< end when every source has ended
  bool at_rest = false;  ///< for reading only: nothing is computed anew
  std::stop_token stop = {};  ///< ends open(), where that has something to compute
  /// Of a run over a part of what another engine has read: its topics, and where they end.
  struct Bound {
    log::Topics* topics = nullptr;
    std::map<std::string, Offset> ends;    ///< by InputPartition::id
    std::map<std::string, Offset> begins;  ///< those that don't begin at their first record
    std::function<void(double)> progress;  ///< told how much of it is read, 0 … 1
  };
  std::optional<Bound> bound = {};
  std::optional<Replay> replay = {};        ///< a view that is computed anew all the same
  std::size_t slice_bytes = 2u << 20;       ///< what a worker takes at a time
  std::size_t epoch_bytes_max = 64u << 20;  ///< input of one epoch at most
  std::chrono::milliseconds commit_interval{
      1000};                                  ///< a commit covers up to this much time under load
  std::size_t state_memory_max = 4ull << 30;  ///< hot state in memory, of all views together
  /// Of the whole process, as long as state can make room; then `state_memory_max` does not count.
  std::optional<std::size_t> memory_max = {};
  /// Hands memory that was freed back to the system; of whoever knows the allocator.
  std::function<void()> give_back_memory = [] {};
  std::size_t changes_kept_bytes_max =
      64u << 20;  ///< recent changes kept for subscribers that come back
};

/// One epoch's changes of a stream or view, as a subscriber gets them. Shared, never modified.
struct PublishedChanges {
  Epoch epoch;
  std::shared_ptr<const std::vector<ChangeChunk>> changes;  ///< texts are owned by the chunks
};

/// Follows one stream or view. Used by one thread.
class Subscription {
 public:
  virtual ~Subscription() = default;
  /// The next epoch's changes; nothing when `timeout` passed first. Error `fell-behind` (user) when
  /// the subscriber was too slow and must start again from a snapshot; `stopping` (external) when
  /// the engine stops.
  virtual Result<std::optional<PublishedChanges>> next(std::chrono::milliseconds timeout) = 0;
};

/// Rows accepted by a push, once they are on disk.
struct Appended {
  Partition partition;
  Offset first;
  Offset last;
  bool duplicate = false;  ///< this idempotency key was seen before: nothing was written, the
                           ///< offsets are the first time's
};

struct PushRecord {
  std::string_view value;
  std::string_view key;
  bool has_key = false;
};

/// Makes a retried push count once: `id` is the producer or the idempotency key, `sequence` rises
/// by one a request (or is -1 when the key alone identifies the request).
struct PushIdentity {
  std::string id;
  std::int64_t sequence = -1;
};

/// The running server's heart: reads sources, runs epochs, answers reads. Thread-safe, except start
/// and stop.
class Engine {
 public:
  /// Opens the data directory (one process at a time), recovers, prepares every query. Nothing runs
  /// yet.
  static Result<std::unique_ptr<Engine>> open(pipeline::Graph graph, Connectors connectors,
                                              Options options);
  virtual ~Engine() = default;

  virtual Status start() = 0;
  /// Stops the sources, takes in what has arrived, commits, and ends. Bounded by `limit`.
  virtual Status stop(std::chrono::milliseconds limit) = 0;
  /// Waits until the engine has ended by itself (`once`), failed, or `stop` is asked for. An Error
  /// is why it failed.
  virtual Status wait(std::stop_token stop) = 0;

  virtual const pipeline::Graph& graph() const = 0;
  virtual log::Topics& topics() = 0;
  virtual EngineStatus status() const = 0;

  /// Appends to a topic and returns once that is on disk. All records go to one partition, chosen
  /// by the first one's key or by turns. Errors: `unknown-topic`, `record-too-large` (user);
  /// `disk-full`, `overloaded` (external, retryable).
  virtual Result<Appended> push(const std::string& topic, std::span<const PushRecord> records,
                                const std::optional<PushIdentity>& identity) = 0;

  /// Everything as of the newest epoch.
  virtual std::shared_ptr<const state::Snapshot> snapshot() = 0;
  virtual Epoch visible_epoch() const = 0;
  /// Waits until an epoch after `seen` is visible; gives the newest, or `seen` when `timeout`
  /// passed.
  virtual Epoch wait_for_epoch(Epoch seen, std::chrono::milliseconds timeout) const = 0;

  /// Columns of a stream or view. Error `unknown-name` (user).
  virtual Result<Schema> schema_of(const std::string& name) const = 0;
  /// A view's rows, or a stream's recent rows, as of the snapshot; stops when `row_sink` says
  /// false.
  virtual Status scan(const std::string& name, const state::Snapshot& snapshot,
                      const std::function<bool(const Chunk&)>& row_sink) const = 0;

  /// What sinks have written, as tables by the sinks' names; none whose name is a stream's or a
  /// view's.
  virtual std::map<std::string, sql::FileTable> histories() const = 0;
  /// Paths of the files that hold such a table's rows now. Errors: `unknown-name` (user), those of
  /// the sink's system.
  virtual Result<std::vector<std::string>> files_of(const std::string& history,
                                                    std::stop_token stop) const = 0;

  /// Of a pipeline that is to take this one's place (with its data directory, once this engine is
  /// gone): computes what is new or changed in it from the topics' records up to now, beside what
  /// runs, so that opening it is quick. Nothing else changes. Errors: those that opening it would
  /// give, `stopping` (transient) when `stop` was asked for.
  struct Successor {
    pipeline::Graph graph;
    std::optional<Replay> replay;
    bool rebuild = false;                  ///< whatever was lost
    std::function<void(double)> progress;  ///< told how much of it is done, 0 … 1
    std::stop_token stop;
  };
  virtual Status prepare(const Successor& successor) = 0;

  /// Writes a copy of the data directory, as of a commit, into a directory of the machine that this
  /// runs on, which must not exist: docs/formats/snapshot.md. Epochs go on meanwhile.
  virtual Status write_snapshot(const std::string& directory) = 0;

  /// Follows a stream or view from after epoch `after`, or from now. Error `changes-gone` (user):
  /// those epochs are no longer kept, take a snapshot first.
  virtual Result<std::unique_ptr<Subscription>> subscribe(const std::string& name,
                                                          std::optional<Epoch> after) = 0;
};

}  // namespace leat::runtime
