#include "connector/cassandra/server_error.h"

#include <algorithm>
#include <array>

#include "connector/cassandra/consistency.h"

namespace leat::connector::cql {
namespace {

struct Meaning {
  ErrorCode code;
  Verdict verdict;
  std::string_view name;
  std::string_view remedy = {};
};

constexpr Meaning meanings[] = {
    {ErrorCode::server_error, Verdict::other_node, "cassandra-server-error",
     "; the server's log says more"},
    {ErrorCode::protocol_error, Verdict::refused, "cassandra-protocol-error"},
    {ErrorCode::bad_credentials, Verdict::refused, "cassandra-credentials",
     "; check `username` and `password`"},
    {ErrorCode::unavailable, Verdict::unavailable, "cassandra-unavailable",
     "; too few of the nodes that keep the row are up: look at `nodetool status`, or ask for a "
     "lower `consistency`"},
    {ErrorCode::overloaded, Verdict::other_node, "cassandra-overloaded"},
    {ErrorCode::bootstrapping, Verdict::other_node, "cassandra-starting"},
    {ErrorCode::truncate_error, Verdict::other_node, "cassandra-truncate-error"},
    {ErrorCode::write_timeout, Verdict::maybe_done, "cassandra-timeout"},
    {ErrorCode::read_timeout, Verdict::maybe_done, "cassandra-timeout"},
    {ErrorCode::read_failure, Verdict::maybe_done, "cassandra-replica-failed",
     "; the log of the node that failed says more"},
    {ErrorCode::function_failure, Verdict::refused, "cassandra-function-failed"},
    {ErrorCode::write_failure, Verdict::maybe_done, "cassandra-replica-failed",
     "; the log of the node that failed says more"},
    {ErrorCode::cdc_write_failure, Verdict::maybe_done, "cassandra-cdc-full"},
    {ErrorCode::cas_unknown, Verdict::maybe_done, "cassandra-timeout"},
    {ErrorCode::syntax_error, Verdict::refused, "cassandra-syntax"},
    {ErrorCode::unauthorized, Verdict::refused, "cassandra-unauthorized",
     "; GRANT the role what it needs"},
    {ErrorCode::invalid, Verdict::row_or_schema, "cassandra-invalid"},
    {ErrorCode::config_error, Verdict::refused, "cassandra-configuration"},
    {ErrorCode::already_exists, Verdict::refused, "cassandra-already-exists"},
    {ErrorCode::unprepared, Verdict::prepare_again, "cassandra-unprepared"},
};

const Meaning& meaning_of(ErrorCode code) {
  static constexpr Meaning unknown = {ErrorCode::server_error, Verdict::refused,
                                      "cassandra-unknown-error"};
  const auto found = std::ranges::find(meanings, code, &Meaning::code);
  return found == std::end(meanings) ? unknown : *found;
}

/// A server that can't write a row because of its size says so as an error of its own.
bool is_too_large(const ServerError& error) {
  return error.code == ErrorCode::server_error &&
         (error.message.find("too large") != std::string::npos ||
          error.message.find("MutationExceededMaxSize") != std::string::npos);
}

}  // namespace

ServerError read_server_error(WireReader& reader) {
  ServerError error;
  error.code = static_cast<ErrorCode>(reader.read_int());
  error.message = reader.read_string();
  if (error.code == ErrorCode::unprepared) error.unprepared_id = reader.read_short_bytes();
  // The numbers that follow others are in the message's words, too.
  return error;
}

Verdict verdict_of(const ServerError& error) {
  if (is_too_large(error)) return Verdict::row;
  return meaning_of(error.code).verdict;
}

Error error_of(const ServerError& error, std::string_view node) {
  const Meaning& meaning = meaning_of(error.code);
  const bool transient =
      meaning.verdict == Verdict::other_node || meaning.verdict == Verdict::maybe_done ||
      meaning.verdict == Verdict::unavailable || meaning.verdict == Verdict::prepare_again;
  return Error{transient ? Domain::external : Domain::user, std::string(meaning.name),
               fmt::format("Cassandra at {} says: {}{}", node, error.message, meaning.remedy),
               transient};
}

}  // namespace leat::connector::cql
