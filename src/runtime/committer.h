#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "connector/sink.h"
#include "log/topics.h"
#include "runtime/commit_record.h"
#include "runtime/latency.h"
#include "state/store.h"
#include "state/timeline.h"

namespace leat::runtime {

/// Makes epochs durable on a thread of its own, while the next epochs run: writes what sinks were
/// given, then, for a commit, prepares the sinks, syncs the dead letters and the store, and lets
/// the sinks show their rows. Handed to by the epoch's thread.
class Committer {
 public:
  /// Bytes for sinks that may wait here before `write` makes the epoch wait.
  static constexpr std::size_t waiting_bytes_max = 64u << 20;
  /// How long a commit that finds the disk full waits before it tries again.
  static constexpr std::chrono::milliseconds disk_full_pause{500};

  struct SinkSlot {
    std::string name;
    connector::EpochSink* sink;
  };
  struct Setup {
    state::Store& store;
    state::Timeline& timeline;
    state::Family& family;
    log::PartitionLog& dead_letters;
    std::vector<SinkSlot> sinks;
    CommitRecord last;
    std::function<void()>
        on_committed;  ///< a commit is durable, or has failed; called from the committer's thread
  };
  explicit Committer(Setup setup);
  ~Committer();

  /// Rows of one sink, in order. Waits while too much is waiting already.
  void write(std::size_t sink, std::string bytes, std::uint64_t rows);

  struct Commit {
    std::unique_ptr<state::CommitBatch> batch;  ///< with the views' state
    CommitRecord record;                        ///< without `sinks`
    bool last = false;                          ///< the pipeline has ended: sinks finish
  };
  /// One at a time: `busy()` must be false.
  void commit(Commit commit);

  bool busy() const;
  void wait_until_idle();
  Epoch committed() const;
  /// End of the epochs' dead letters that are committed.
  Offset committed_letters() const { return Offset(committed_letters_); }
  /// Why it can't go on; the engine must stop.
  Status failure() const;
  /// In words, while what must be written waits for room on the disk; else empty.
  std::string waiting_for() const;
  struct SinkCounts {
    std::uint64_t rows = 0, bytes = 0;
    std::string last_error;
  };
  SinkCounts counts(std::size_t sink) const;
  const Latency& latency() const { return latency_; }

 private:
  struct Write {
    std::size_t sink;
    std::string bytes;
    std::uint64_t rows;
  };
  using Item = std::variant<Write, Commit>;

  void work(const std::stop_token& stop);
  Status handle(Write& write, const std::stop_token& stop);
  Status handle(Commit& commit, const std::stop_token& stop);
  Status prepare_sinks(Commit& commit);
  Status when_there_is_room(const std::stop_token& stop, const std::function<Status()>& write);

  Setup setup_;
  CommitWriter writer_;
  std::map<std::string, std::string> prepared_;  // by sink, as of the last commit
  Latency latency_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Item> items_;
  std::size_t waiting_bytes_ = 0;
  bool busy_ = false;  // a commit is waiting or running
  bool working_ = false;
  Epoch committed_;
  std::atomic<std::int64_t> committed_letters_;
  Status failure_;
  std::string waiting_for_;
  std::vector<SinkCounts> counts_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace leat::runtime
