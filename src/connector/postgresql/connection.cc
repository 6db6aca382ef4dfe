#include "connector/postgresql/connection.h"

#include <poll.h>

#include <algorithm>
#include <charconv>

#include <libpq-fe.h>

#include "connector/postgresql/resolve.h"
#include "connector/postgresql/server_error.h"

namespace leat::connector::postgresql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::int64_t poll_ms_max = 50;  ///< how late `stop` may be seen

/// The server's words on one line.
std::string on_one_line(std::string_view words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.remove_suffix(1);
  std::string line;
  for (const char letter : words) line += letter == '\n' || letter == '\t' ? ' ' : letter;
  return line;
}

std::string words_of(const PGresult* result) {
  const auto field = [&](int code) -> std::string {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? "" : text;
  };
  std::string words = field(PG_DIAG_MESSAGE_PRIMARY);
  if (words.empty()) words = PQresultErrorMessage(result);
  if (const std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    words += "; " + detail;
  }
  if (const std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) words += "; " + hint;
  return on_one_line(words);
}

void ignore_notice(void*, const PGresult*) {}

Status stopped(const std::string& shown) {
  return external_error("stopped", "PostgreSQL {}: stopped", shown);
}

}  // namespace

Rows::Rows(PGresult* result) : result_(result) {}
void Rows::Deleter::operator()(PGresult* result) const { PQclear(result); }
std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
std::size_t Rows::column_count() const {
  return static_cast<std::size_t>(PQnfields(result_.get()));
}
std::string Rows::column_name(std::size_t column) const {
  return PQfname(result_.get(), static_cast<int>(column));
}

std::optional<std::string_view> Rows::text(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  if (PQgetisnull(result_.get(), r, c) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_.get(), r, c),
                          static_cast<std::size_t>(PQgetlength(result_.get(), r, c)));
}

std::string Rows::string(std::size_t row, std::size_t column) const {
  return std::string(text(row, column).value_or(""));
}

std::uint64_t Rows::affected() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

void Connection::Finisher::operator()(PGconn* connection) const { PQfinish(connection); }
void Connection::CopiedDeleter::operator()(char* bytes) const { PQfreemem(bytes); }

Connection::Connection(PGconn* connection, const ConnectOptions& options)
    : connection_(connection), shown_(options.shown), timeout_ms_(options.timeout_ms) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Connection> Connection::open(const ConnectOptions& options, const std::stop_token& stop) {
  std::optional<Error> failure;
  for (const Host& host : options.hosts) {
    std::vector<std::string> addresses = {host.address};
    if (host.address.empty() && !host.is_socket_folder()) {
      const auto until = steady_clock::now() + milliseconds(options.connect_timeout_ms);
      Result<std::vector<std::string>> resolved = resolve(host.name, until, stop);
      if (!resolved) {
        failure = std::move(resolved).error();
        continue;
      }
      addresses = std::move(*resolved);
    }
    for (std::string& address : addresses) {
      Result<Connection> opened = open_one(
          options, {.name = host.name, .port = host.port, .address = std::move(address)}, stop);
      // Of several failures, the one that somebody has to mend is told.
      if (opened) return opened;
      if (!failure || failure->retryable) failure = std::move(opened).error();
      if (stop.stop_requested()) break;
    }
  }
  return std::unexpected(std::move(*failure));
}

Result<Connection> Connection::open_one(const ConnectOptions& options, const Host& host,
                                        const std::stop_token& stop) {
  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const std::string& value) {
    if (value.empty()) return;
    keywords.push_back(keyword);
    values.push_back(value.c_str());
  };
  add("host", host.name);
  add("hostaddr", host.address);
  add("port", host.port);
  for (const auto& [keyword, value] : options.parameters) add(keyword.c_str(), value);
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  Connection opened(PQconnectStartParams(keywords.data(), values.data(), 0), options);
  LEAT_TRY(opened.connect(options.connect_timeout_ms, stop));
  return opened;
}

Status Connection::connect(std::int64_t timeout_ms, const std::stop_token& stop) {
  PGconn* connection = connection_.get();
  if (connection == nullptr || PQstatus(connection) == CONNECTION_BAD) return connect_failure();
  PQsetNoticeReceiver(connection, ignore_notice, nullptr);
  const auto until = steady_clock::now() + milliseconds(timeout_ms);
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = PQconnectPoll(connection)) {
    if (state == PGRES_POLLING_FAILED) return connect_failure();
    LEAT_TRY(wait(state == PGRES_POLLING_WRITING, until, stop));
  }
  if (PQsetnonblocking(connection, 1) != 0) return connect_failure();
  return {};
}

/// libpq has no code for why a connection could not be made; what must be told apart is told by
/// what it has in hand.
Status Connection::connect_failure() {
  PGconn* connection = connection_.get();
  const std::string words =
      connection == nullptr ? "out of memory" : on_one_line(PQerrorMessage(connection));
  const auto says = [&](std::string_view part) { return words.find(part) != std::string::npos; };
  if (connection != nullptr && PQconnectionNeedsPassword(connection) != 0) {
    return user_error("sign-in-failed",
                      "PostgreSQL {}: the server asks for a password; give it as `password`",
                      shown_);
  }
  if (connection != nullptr && (PQconnectionUsedPassword(connection) != 0 || says("pg_hba.conf")) &&
      says("FATAL") && (says("authentication") || says("pg_hba.conf"))) {
    return user_error("sign-in-failed", "PostgreSQL {}: {}; check user and password", shown_,
                      words);
  }
  if (says("database \"") && says("does not exist")) {
    return user_error("database-missing",
                      "PostgreSQL {}: {}; make it with CREATE DATABASE, or name another", shown_,
                      words);
  }
  if (says("certificate") || says("SSL error") || says("does not support SSL") ||
      says("root certificate")) {
    return external_error("tls-failed",
                          "PostgreSQL {}: {}; name the server's authority as `tls: {{ca: …}}`, or "
                          "say `?sslmode=` in `uri`",
                          shown_, words);
  }
  return transient_error("connect-failed", "PostgreSQL {}: {}", shown_, words);
}

Connection::Deadline Connection::deadline() const {
  return steady_clock::now() + milliseconds(timeout_ms_);
}

Status Connection::wait(bool for_writing, Deadline deadline, const std::stop_token& stop) {
  pollfd watched{.fd = PQsocket(connection_.get()),
                 .events = static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN),
                 .revents = 0};
  if (watched.fd < 0) return lost();
  while (true) {
    if (stop.stop_requested()) {
      failed_state_.clear();
      return stopped(shown_);
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) {
      failed_state_.clear();
      return transient_error("timed-out", "PostgreSQL {}: the server does not answer", shown_);
    }
    if (poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, poll_ms_max))) > 0) {
      return {};
    }
  }
}

Status Connection::lost() {
  failed_state_.clear();
  const std::string words = on_one_line(PQerrorMessage(connection_.get()));
  return transient_error("connection-lost", "PostgreSQL {}: {}", shown_,
                         words.empty() ? "the connection is lost" : words);
}

Status Connection::refused(PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return lost();
  failed_state_ = state;
  return std::unexpected(server_error(failed_state_, shown_, words_of(result)));
}

Status Connection::flush(const std::stop_token& stop) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return lost();
    LEAT_TRY(wait(true, deadline(), stop));
    if (PQconsumeInput(connection_.get()) == 0) return lost();
  }
}

Result<std::vector<Rows>> Connection::results(const std::stop_token& stop) {
  LEAT_TRY(flush(stop));
  std::vector<Rows> all;
  Status failure;
  while (true) {
    while (PQisBusy(connection_.get()) != 0) {
      LEAT_TRY(wait(false, deadline(), stop));
      if (PQconsumeInput(connection_.get()) == 0) return std::unexpected(lost().error());
    }
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) break;
    Rows rows(result);
    switch (PQresultStatus(result)) {
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        all.push_back(std::move(rows));
        return all;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_EMPTY_QUERY:
        all.push_back(std::move(rows));
        break;
      default:
        if (failure) failure = refused(result);
    }
    if (PQstatus(connection_.get()) == CONNECTION_BAD) {
      if (failure) failure = lost();
      break;
    }
  }
  if (!failure) return std::unexpected(failure.error());
  return all;
}

Result<std::vector<Rows>> Connection::run(const std::string& sql, const std::stop_token& stop) {
  failed_state_.clear();
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return std::unexpected(lost().error());
  return results(stop);
}

Result<Rows> Connection::run_with(const std::string& sql,
                                  std::span<const std::optional<std::string>> parameters,
                                  const std::stop_token& stop) {
  failed_state_.clear();
  std::vector<const char*> values;
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    return std::unexpected(lost().error());
  }
  std::vector<Rows> all = LEAT_TRY(results(stop));
  if (all.empty()) return std::unexpected(lost().error());
  return std::move(all.back());
}

Status Connection::put_copy(std::string_view bytes, const std::stop_token& stop) {
  // In pieces, as libpq keeps whatever the socket does not take at once.
  constexpr std::size_t piece_bytes = 256 * 1024;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_bytes);
    const int taken =
        PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size()));
    if (taken < 0) return lost();
    if (taken > 0) bytes.remove_prefix(piece.size());
    LEAT_TRY(flush(stop));
  }
  return {};
}

Status Connection::end_copy(const std::stop_token& stop) {
  while (true) {
    const int taken = PQputCopyEnd(connection_.get(), nullptr);
    if (taken < 0) return lost();
    if (taken > 0) break;
    LEAT_TRY(flush(stop));
  }
  LEAT_TRY(results(stop));
  return {};
}

Status Connection::give_up_copy(const std::stop_token& stop) {
  while (true) {
    const int taken = PQputCopyEnd(connection_.get(), "given up");
    if (taken < 0) return lost();
    if (taken > 0) break;
    LEAT_TRY(flush(stop));
  }
  const auto ended = results(stop);
  if (!ended && failed_state_.empty()) return std::unexpected(ended.error());
  return {};
}

Result<std::optional<std::string_view>> Connection::get_copy(std::int64_t wait_ms,
                                                             const std::stop_token& stop) {
  const auto until = wait_ms < 0 ? deadline() : steady_clock::now() + milliseconds(wait_ms);
  copied_.reset();
  while (true) {
    char* bytes = nullptr;
    const int count = PQgetCopyData(connection_.get(), &bytes, 1);
    if (count > 0) {
      copied_.reset(bytes);
      return std::string_view(bytes, static_cast<std::size_t>(count));
    }
    if (count == -1) {
      LEAT_TRY(results(stop));
      return std::nullopt;
    }
    if (count < -1) return std::unexpected(lost().error());
    Status ready = wait(false, until, stop);
    if (!ready) {
      if (wait_ms >= 0 && ready.error().code == "timed-out") ready.error().code = "nothing-yet";
      return std::unexpected(ready.error());
    }
    if (PQconsumeInput(connection_.get()) == 0) return std::unexpected(lost().error());
  }
}

int Connection::server_version() const { return PQserverVersion(connection_.get()); }

std::string Connection::quoted_text(std::string_view text) const {
  char* quoted = PQescapeLiteral(connection_.get(), text.data(), text.size());
  if (quoted == nullptr) return "NULL";
  std::string copy = quoted;
  PQfreemem(quoted);
  return copy;
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char letter : name) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + "\"";
}

}  // namespace leat::connector::postgresql
