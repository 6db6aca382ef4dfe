#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "connector/source.h"
#include "log/topics.h"
#include "runtime/topic_writer.h"
#include "state/store.h"

namespace leat::runtime {

/// Copies the dead letters from the data directory to their topic in another system, each once, as
/// soon as they are committed, and frees what is there. On a thread of its own.
class LetterCopier {
 public:
  struct Setup {
    log::Topic& from;  ///< in the data directory: partition 0 the epochs', 1 the sinks'
    log::Topic& to;    ///< with two partitions at least
    std::function<Offset()> committed;  ///< end of the epochs' letters that are committed
    state::Store& store;
    state::Family& cursors;
    std::string identity;  ///< of the data directory
  };
  explicit LetterCopier(Setup setup) : setup_(std::move(setup)) {}
  ~LetterCopier() { stop(); }

  void start();
  /// There may be something to copy. Any thread.
  void wake();
  /// Waits until all that is committed is copied, `limit` at most. False: it is not.
  bool drain(const std::stop_token& stop, std::chrono::milliseconds limit);
  void stop() { thread_ = {}; }
  /// Why it is not copied now; empty: it is.
  std::string trouble() const { return status_.last_error(); }

 private:
  struct Part;
  void run(const std::stop_token& stop);
  Status copy_until_it_fails(const std::stop_token& stop);
  Result<bool> copy_some(Part& part);
  Result<Offset> position(Part& part);
  Offset end_of(Partition partition) const;
  bool all_copied() const;

  const Setup setup_;
  const std::atomic<bool> never_paused_{false};
  connector::SourceStatus status_;
  std::atomic<std::int64_t> copied_[2] = {-1, -1};  ///< up to where; -1: not known yet

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace leat::runtime
