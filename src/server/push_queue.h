#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/engine.h"
#include "server/exchange.h"
#include "server/options.h"

namespace leat::server {

/// A topic that can be pushed to.
struct PushTopic {
  std::string name;
  std::int32_t partitions = 1;
  bool combining = false;  ///< a combined push is being written; under the queue's lock
};

/// One request's records on their way to the log. Stays where it is: the records point into it.
struct PushJob {
  Exchange exchange;
  PushTopic* topic = nullptr;
  std::string body;
  std::string keys;  ///< what the records' keys point into where they aren't in the body
  std::vector<runtime::PushRecord> records;
  std::optional<runtime::PushIdentity> identity;
  bool keyed = false;

  explicit PushJob(Exchange answer) : exchange(std::move(answer)) {}
  PushJob(const PushJob&) = delete;
  PushJob& operator=(const PushJob&) = delete;

  /// It may be written together with others: nothing asks for a batch or a partition of its own.
  bool is_combinable() const { return !identity && (!keyed || topic->partitions == 1); }
};

/// Writes pushes to the engine and answers them once they are on disk. While one flush is under
/// way, the requests that come to the same topic are gathered, and written and flushed together
/// (group commit); so a few threads serve any number of waiting clients. Requests of one connection
/// are written in order. Thread-safe.
class PushQueue {
 public:
  PushQueue(runtime::Engine& engine, const Limits& limits, unsigned threads);
  ~PushQueue();

  /// Takes the job; answers it with `overloaded` when too many are waiting.
  void submit(std::unique_ptr<PushJob> job);
  /// Writes what is waiting, and ends.
  void stop();
  std::size_t waiting() const;

 private:
  using Batch = std::vector<std::unique_ptr<PushJob>>;

  void run();
  Batch take();
  bool may_begin(const PushJob& job) const;
  bool may_join(const Batch& batch, const PushJob& job) const;
  void write(Batch batch);
  std::vector<Response> write_each(Batch& batch);
  Result<runtime::Appended> append(const PushJob& job,
                                   std::span<const runtime::PushRecord> records);

  runtime::Engine& engine_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<PushJob>> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t search_ = 0;
  std::size_t batch_records_ = 0;  ///< of the batch that `take` is making
  std::size_t batch_bytes_ = 0;
  unsigned idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace leat::server
