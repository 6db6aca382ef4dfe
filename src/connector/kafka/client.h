#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "base/error.h"
#include "connector/kafka/connection.h"

namespace leat::connector::kafka {

/// A call that waits in slices so short that a stop is noticed in time.
inline constexpr int slice_ms = 250;
/// Calls that ask anew in each slice get longer ones, as the way to the brokers and back may take
/// longer than the first.
inline constexpr int slice_ms_max = 2000;
/// A call that no broker can be reached for gives up after this, before its time, so that the
/// outage is told of.
inline constexpr std::chrono::milliseconds cut_off_grace{3000};

/// Until when something may take, and whether it shall go on at all.
class Deadline {
 public:
  Deadline(std::stop_token stop, std::int64_t timeout_ms)
      : stop_(std::move(stop)),
        at_(std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms)) {}
  bool stopped() const { return stop_.stop_requested(); }
  bool over() const { return stopped() || std::chrono::steady_clock::now() >= at_; }
  const std::stop_token& stop() const { return stop_; }

 private:
  std::stop_token stop_;
  std::chrono::steady_clock::time_point at_;
};

/// One librdkafka client, with what it reported of its connections. Errors of `make`:
/// `kafka-setting` (user). librdkafka has threads of its own; the callbacks run in the thread that
/// calls `serve` or waits in one of the other calls, those for tokens in a thread of librdkafka's.
class Client {
 public:
  using Properties = std::map<std::string, std::string>;
  /// Of each message that could not be delivered: the number that it was produced with, and why.
  using OnFailed = std::function<void(std::uintptr_t number, rd_kafka_resp_err_t why)>;
  /// Of each message that is in its partition, with its offset; only where it is asked for.
  using OnDelivered = std::function<void(std::uintptr_t number, std::int64_t offset)>;

  /// `own`: properties that the caller needs; the user's `settings` come on top of them.
  static Result<std::unique_ptr<Client>> make(rd_kafka_type_t type, const Connection& connection,
                                              const Properties& own, OnFailed on_failed = {},
                                              OnDelivered on_delivered = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  const Connection& connection() const { return connection_; }
  /// Runs callbacks that are due, waiting for the first one at most this long.
  void serve(int timeout_ms) { rd_kafka_poll(handle_, timeout_ms); }

  using Time = std::chrono::steady_clock::time_point;
  /// Whether a call that began then had better be given up: it is refused, or no broker can be
  /// reached. Of a call that takes long this asks the brokers, for at most `slice_ms`.
  bool is_in_vain(Time begun) const;
  /// A call has succeeded.
  void was_reached() { reached_ = true; }
  /// What the brokers said last, if anything.
  std::string last_words() const;
  void forget_trouble();

  /// The Error for a librdkafka error, told apart as outage, refusal or misconfiguration; a
  /// time-out gets the reason that connections failed for. `doing`: "can't …".
  Error error(rd_kafka_resp_err_t code, std::string_view text, std::string_view doing) const;
  Error error(rd_kafka_resp_err_t code, std::string_view doing) const {
    return error(code, rd_kafka_err2str(code), doing);
  }
  /// Destroys the librdkafka error.
  Error error(rd_kafka_error_t* error, std::string_view doing) const;

  /// Calls `attempt` with a time-out again and again while it runs into that, until the deadline.
  /// `attempt` returns a librdkafka code. A refusal by the brokers, or that none can be reached,
  /// ends it early.
  template <class Attempt>
  Status wait(const Deadline& deadline, std::string_view doing, Attempt&& attempt) {
    const Time begun = std::chrono::steady_clock::now();
    for (int slice = slice_ms;; slice = std::min(2 * slice, slice_ms_max)) {
      const rd_kafka_resp_err_t code = attempt(slice);
      serve(0);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        was_reached();
        return {};
      }
      if (!may_pass(code) || deadline.over() || is_in_vain(begun)) {
        return std::unexpected(error(code, doing));
      }
    }
  }
  /// Whether a code says nothing but "not now".
  static bool may_pass(rd_kafka_resp_err_t code);
  /// Whether a code says that a newer producer has our transactional id, or that our transaction
  /// was ended for lasting too long.
  static bool is_fencing(rd_kafka_resp_err_t code);

 private:
  Client(const Connection& connection, OnFailed on_failed, OnDelivered on_delivered)
      : connection_(connection),
        on_failed_(std::move(on_failed)),
        on_delivered_(std::move(on_delivered)) {}
  bool any_broker_is_up() const;
  void note(rd_kafka_resp_err_t code, const char* text);
  static void on_error(rd_kafka_t* handle, int code, const char* text, void* self);
  static void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);
  static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self);
  static void on_token(rd_kafka_t* handle, const char* config, void* self);

  const Connection connection_;
  const OnFailed on_failed_;
  const OnDelivered on_delivered_;
  rd_kafka_t* handle_ = nullptr;
  std::atomic<bool> refused_ = false;
  std::atomic<bool> reached_ = false;
  mutable std::mutex mutex_;
  rd_kafka_resp_err_t last_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_text_;
};

}  // namespace leat::connector::kafka
