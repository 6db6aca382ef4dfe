#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/backoff.h"
#include "connector/sink.h"
#include "format/encoder.h"
#include "log/topics.h"
#include "runtime/refused_row.h"
#include "runtime/sink_reader.h"
#include "runtime/sink_status.h"
#include "state/store.h"

namespace leat::runtime {

/// Moves one sink in another system along its input, on a thread of its own: a batch at a time, and
/// again from where it stood when the system failed. What fails here delays nobody else.
class SinkRunner {
 public:
  struct Waits {
    /// Between tries while the system is away: doubled each time, shortened by chance. The longest
    /// is how late rows may be after an outage.
    std::chrono::milliseconds retry_first{100}, retry_max{10'000};
    /// Between tries where only somebody's hand can help.
    std::chrono::milliseconds mended_by_hand{15'000};
    /// With `once`, a system that is away for longer ends the run.
    std::chrono::milliseconds patience{60'000};
  };
  /// Under load the position is noted this often; when all is written, at once.
  static constexpr std::chrono::milliseconds note_position_every{500};

  struct Setup {
    connector::Sink& sink;
    const connector::SinkInput& input;
    log::Topic& topic;           ///< its input, or its changelog
    Changelog* changelog;        ///< null: the input is a topic
    log::PartitionLog& letters;  ///< for rows that the system refuses
    state::Store& store;
    state::Family& cursors;
    std::string identity;  ///< of the data directory
    SinkStatus& status;
    Waits waits = {};
  };
  explicit SinkRunner(Setup setup);
  ~SinkRunner() { stop(); }

  void start();
  /// There may be something to write. Any thread.
  void wake();
  /// Asks to end after the batch that is being written; `stop` waits until it has.
  void ask_to_stop() { thread_.request_stop(); }
  void stop();
  /// Waits until all that is committed is written. Error: why it can't be, after `patience`.
  Status drain(std::stop_token stop);

 private:
  void run(const std::stop_token& stop);
  Status write_until_it_fails(const std::stop_token& stop);
  Result<SinkPosition> open(const std::stop_token& stop);
  Status write(connector::SinkBatch& batch, const SinkPosition& after, const std::stop_token& stop);
  Result<SinkPosition> settled(const SinkPosition& taken, bool nothing_more,
                               const std::stop_token& stop);
  Status set_aside(const connector::SinkBatch& batch,
                   std::span<const connector::RefusedRow> refused);
  Result<std::optional<SinkPosition>> noted_position() const;
  Status note_position(const SinkPosition& position, bool now);
  void stands_at(const SinkPosition& position);
  void succeeded();
  void wait_for_rows(bool all_written, const std::stop_token& stop);
  void on_failure(const Error& error, const std::stop_token& stop);
  void wait(std::chrono::milliseconds time, const std::stop_token& stop);

  Setup setup_;
  SinkReader reader_;
  format::RowEncoder encoder_;
  Backoff backoff_;
  std::string noted_;  // the position in the store
  std::chrono::steady_clock::time_point last_noted_{};

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  bool all_written_ = false;
  bool draining_ = false;
  bool ended_ = false;
  std::optional<SinkPosition> position_;  // after what is written for good
  unsigned failures_ = 0;                 // in a row
  std::optional<std::chrono::steady_clock::time_point> failing_since_;
  Error last_failure_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace leat::runtime
