#include "connector/postgresql/session.h"

namespace leat::connector::postgresql {

Result<Connection> open_session(const ConnectOptions& options, const std::stop_token& stop) {
  constexpr int version_min = 120'000;
  constexpr int version_with_check_interval = 140'000;
  Connection connection = LEAT_TRY(Connection::open(options, stop));
  if (connection.server_version() < version_min) {
    return user_error("server-too-old",
                      "PostgreSQL {}: the server is version {}; Leat needs 12 or newer",
                      connection.shown(), connection.server_version() / 10'000);
  }
  LEAT_TRY(connection.run(
      fmt::format("SET TimeZone = 'UTC'; SET IntervalStyle = 'iso_8601'; SET DateStyle = 'ISO'; "
                  "SET default_transaction_isolation = 'read committed'; "
                  "SET statement_timeout = {0}; SET lock_timeout = {0}; "
                  "SET idle_in_transaction_session_timeout = {0}; "
                  "SELECT set_config('synchronous_commit', 'on', false) "
                  "WHERE current_setting('synchronous_commit') IN ('off', 'local')",
                  options.timeout_ms),
      stop));
  if (connection.server_version() >= version_with_check_interval) {
    // A backend that waits for a lock notices that its client has gone. Not on every platform.
    const auto set = connection.run("SET client_connection_check_interval = '2s'", stop);
    if (!set && connection.failed_state().empty()) return std::unexpected(set.error());
  }
  return connection;
}

}  // namespace leat::connector::postgresql
