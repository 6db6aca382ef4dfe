#pragma once

#include <stop_token>

#include "base/error.h"
#include "connector/postgresql/connection.h"

namespace leat::connector::postgresql {

/// A session whose settings do not depend on what the database or the user has by default: times
/// in UTC, commits on disk before they are answered, read committed, and no statement, lock or idle
/// transaction beyond the options' timeout, so that a session which nobody ends holds nothing for
/// long. Errors: those of Connection::open; `server-too-old` (user).
Result<Connection> open_session(const ConnectOptions& options, const std::stop_token& stop);

}  // namespace leat::connector::postgresql
