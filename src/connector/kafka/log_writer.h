#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/backoff.h"
#include "connector/kafka/log_options.h"
#include "connector/kafka/producer.h"
#include "log/topics.h"

namespace leat::connector::kafka {

class KafkaLog;

/// Writes what is appended to any partition of the log, on a thread of its own: all that waits goes
/// into one transaction. Thread-safe.
class LogWriter {
 public:
  /// `on_written` is called from the writer's thread for each partition that has got records.
  LogWriter(const LogOptions& options, std::function<void(KafkaLog&)> on_written);
  ~LogWriter();

  /// Shuts out whoever wrote with the same id before, and waits until what that had begun is
  /// settled. Before anything else. Errors: Client's.
  Status open(const Deadline& deadline);
  /// Returns once the records are committed, waiting for `timeout` at most. Errors:
  /// `kafka-unreachable` (transient): whether they are written is not known, and the same batch
  /// with the same producer may be sent again; `record-refused`, `out-of-sequence`,
  /// `producer-fenced` (user), `log-fenced` (external): nothing was written; Client's.
  Result<log::AppendResult> append(KafkaLog& log, std::span<const log::NewRecord> records,
                                   const std::optional<log::Producer>& producer);
  /// What was begun is finished where that is quickly done; nothing more is taken.
  void stop();
  /// Why nothing can be written now; nothing: it can, as far as is known.
  std::optional<Error> trouble() const;
  /// The cluster answers: what was wrong before is over, unless something waits to be written.
  void note_reached();

 private:
  struct Append;
  using Group = std::vector<std::shared_ptr<Append>>;

  void run(const std::stop_token& stop);
  bool wait_for_work(const std::stop_token& stop);
  Status make_producer(const Deadline& deadline);
  Status make_ready(const std::stop_token& stop);
  Status settle_doubt(const std::stop_token& stop);
  Status write_next(const std::stop_token& stop);
  Group take_group();
  bool answer_known(Append& append);
  Status send(Group& group, const Deadline& deadline);
  Status send_batch(Append& append, const Deadline& deadline);
  Result<bool> learn_from_failures(Group& group);
  void begin_again(Group group);
  void finish(Group& group);
  void answer(Append& append, Result<log::AppendResult> result);
  void note_failure(const Error& error, const std::stop_token& stop);
  bool is_shut_out(const Error& error);
  void end(const Error& why);
  void on_delivered(std::uintptr_t number, std::int64_t offset);

  const LogOptions& options_;
  const std::function<void(KafkaLog&)> on_written_;

  // The thread's own.
  std::unique_ptr<Producer> producer_;
  Group doubt_;  ///< sent, and perhaps committed
  std::chrono::steady_clock::time_point begun_{};
  std::vector<std::chrono::steady_clock::time_point> shut_out_at_;
  unsigned failures_ = 0;  ///< in a row
  Backoff backoff_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<Append>> queue_;
  std::optional<Error> trouble_;
  std::optional<Error> ended_;  ///< why nothing is taken any more
  std::jthread thread_;         ///< last: it uses all of the above
};

}  // namespace leat::connector::kafka
