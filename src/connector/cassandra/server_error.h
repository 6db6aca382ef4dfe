#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connector/cassandra/wire.h"

namespace leat::connector::cql {

enum class ErrorCode : std::int32_t {
  server_error = 0x0000,
  protocol_error = 0x000A,
  bad_credentials = 0x0100,
  unavailable = 0x1000,
  overloaded = 0x1001,
  bootstrapping = 0x1002,
  truncate_error = 0x1003,
  write_timeout = 0x1100,
  read_timeout = 0x1200,
  read_failure = 0x1300,
  function_failure = 0x1400,
  write_failure = 0x1500,
  cdc_write_failure = 0x1600,
  cas_unknown = 0x1700,
  syntax_error = 0x2000,
  unauthorized = 0x2100,
  invalid = 0x2200,
  config_error = 0x2300,
  already_exists = 0x2400,
  unprepared = 0x2500,
};

/// What an ERROR says.
struct ServerError {
  ErrorCode code = ErrorCode::server_error;
  std::string message;        ///< the server's words
  std::string unprepared_id;  ///< of `unprepared`
};

/// What may help against an error.
enum class Verdict {
  other_node,     ///< this node did not do it and can't now
  maybe_done,     ///< it may or may not have happened: again, if it may happen twice
  unavailable,    ///< no node can until others are back
  prepare_again,  ///< the node has forgotten the statement
  row_or_schema,  ///< the statement's values are at fault, or else the schema has changed
  row,            ///< the values are at fault
  refused,        ///< somebody has to change something
};

ServerError read_server_error(WireReader& reader);
Verdict verdict_of(const ServerError& error);
/// As an Error: its code begins with `cassandra-`, its message has the server's words and, where
/// there is one, a remedy. Transient where time may help.
Error error_of(const ServerError& error, std::string_view node);

}  // namespace leat::connector::cql
