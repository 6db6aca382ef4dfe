#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/connect_options.h"

struct pg_conn;
struct pg_result;

namespace leat::connector::postgresql {

/// What a statement gave. Movable; owns the rows.
class Rows {
 public:
  explicit Rows(pg_result* result);

  std::size_t size() const;
  std::size_t column_count() const;
  std::string column_name(std::size_t column) const;
  /// As the server writes the value; nothing: NULL. Valid as long as this is.
  std::optional<std::string_view> text(std::size_t row, std::size_t column) const;
  /// "" for NULL.
  std::string string(std::size_t row, std::size_t column) const;
  /// Rows that were inserted, changed or deleted.
  std::uint64_t affected() const;

 private:
  friend class Connection;
  struct Deleter {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Deleter> result_;
};

/// One session with a PostgreSQL server, over libpq without ever blocking: each wait ends with
/// `stop`, with the server's answer, or when there was no sign of the server for `timeout_ms`.
/// Used by one thread.
///
/// Errors: `stopped`; `timed-out`, `connection-lost` (transient), after which the session is over;
/// and what the server refuses (see server_error.h), after which it goes on.
class Connection {
 public:
  /// Tries all hosts with all their addresses in order. Errors: besides the above, `connect-failed`
  /// (transient), `tls-failed`, `sign-in-failed`.
  static Result<Connection> open(const ConnectOptions& options, const std::stop_token& stop);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  /// Runs one statement or several, separated by semicolons: each one's result. It ends with the
  /// first failure. Where a COPY begins, that is the last result.
  Result<std::vector<Rows>> run(const std::string& sql, const std::stop_token& stop);
  /// Runs one statement whose $1… are these texts; nothing is NULL.
  Result<Rows> run_with(const std::string& sql,
                        std::span<const std::optional<std::string>> parameters,
                        const std::stop_token& stop);

  /// Between a COPY … FROM STDIN and `end_copy`: hands the bytes to the server.
  Status put_copy(std::string_view bytes, const std::stop_token& stop);
  Status end_copy(const std::stop_token& stop);
  /// Ends a COPY FROM STDIN without its rows; the statement fails.
  Status give_up_copy(const std::stop_token& stop);

  /// Between a COPY … TO STDOUT or START_REPLICATION and its end: the next message; nothing: the
  /// server ended it. Waits no longer than `wait_ms` (error `nothing-yet`, transient, after which
  /// the session goes on); negative: as for every other answer. Valid until the next call.
  Result<std::optional<std::string_view>> get_copy(std::int64_t wait_ms,
                                                   const std::stop_token& stop);

  /// SQLSTATE of the last failure; empty where it was not the server that refused.
  const std::string& failed_state() const { return failed_state_; }
  int server_version() const;
  const std::string& shown() const { return shown_; }
  std::string quoted_text(std::string_view text) const;

 private:
  struct Finisher {
    void operator()(pg_conn* connection) const;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  Connection(pg_conn* connection, const ConnectOptions& options);
  static Result<Connection> open_one(const ConnectOptions& options, const Host& host,
                                     const std::stop_token& stop);
  Status connect(std::int64_t timeout_ms, const std::stop_token& stop);
  Status connect_failure();
  Deadline deadline() const;
  Status wait(bool for_writing, Deadline deadline, const std::stop_token& stop);
  Status flush(const std::stop_token& stop);
  Result<std::vector<Rows>> results(const std::stop_token& stop);
  Status lost();
  Status refused(pg_result* result);

  std::unique_ptr<pg_conn, Finisher> connection_;
  std::string shown_;
  std::int64_t timeout_ms_;
  std::string failed_state_;
  struct CopiedDeleter {
    void operator()(char* bytes) const;
  };
  std::unique_ptr<char, CopiedDeleter> copied_;
};

/// `Name` as SQL: "Name".
std::string quoted_name(std::string_view name);

}  // namespace leat::connector::postgresql
