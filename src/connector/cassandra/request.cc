#include "connector/cassandra/request.h"

#include "connector/cassandra/wire.h"

namespace leat::connector::cql {
namespace {

enum Parameter : std::uint32_t {
  parameter_values = 0x01,
  parameter_skip_metadata = 0x02,
  parameter_page_rows = 0x04,
  parameter_paging_state = 0x08,
};

constexpr std::uint8_t unlogged_batch = 1;
constexpr std::uint8_t prepared_in_batch = 1;

void put_flags(std::string& body, std::uint8_t version, std::uint32_t flags) {
  if (version >= 5) {
    put_int(body, static_cast<std::int32_t>(flags));
  } else {
    put_byte(body, static_cast<std::uint8_t>(flags));
  }
}

void put_parameters(std::string& body, std::uint8_t version, const QueryParameters& parameters) {
  put_short(body, static_cast<std::uint16_t>(parameters.consistency));
  std::uint32_t flags = 0;
  if (!parameters.values.empty()) flags |= parameter_values;
  if (parameters.skip_metadata) flags |= parameter_skip_metadata;
  if (parameters.page_rows > 0) flags |= parameter_page_rows;
  if (!parameters.paging_state.empty()) flags |= parameter_paging_state;
  put_flags(body, version, flags);
  body += parameters.values;
  if (parameters.page_rows > 0) put_int(body, parameters.page_rows);
  if (!parameters.paging_state.empty()) put_bytes(body, parameters.paging_state);
}

}  // namespace

void put_startup(std::string& body, const std::map<std::string, std::string>& options) {
  put_string_map(body, options);
}

void put_plain_token(std::string& body, std::string_view username, std::string_view password) {
  put_int(body, static_cast<std::int32_t>(username.size() + password.size() + 2));
  body += '\0';
  body += username;
  body += '\0';
  body += password;
}

void put_query(std::string& body, std::uint8_t version, std::string_view cql,
               const QueryParameters& parameters) {
  put_long_string(body, cql);
  put_parameters(body, version, parameters);
}

void put_prepare(std::string& body, std::uint8_t version, std::string_view cql) {
  put_long_string(body, cql);
  if (version >= 5) put_int(body, 0);
}

void put_execute(std::string& body, std::uint8_t version, const BoundStatement& statement,
                 QueryParameters parameters) {
  put_short_bytes(body, statement.id);
  if (version >= 5) put_short_bytes(body, statement.result_metadata_id);
  parameters.values = statement.values;
  put_parameters(body, version, parameters);
}

void put_batch(std::string& body, std::uint8_t version, std::span<const BoundStatement> statements,
               Consistency consistency) {
  put_byte(body, unlogged_batch);
  put_short(body, static_cast<std::uint16_t>(statements.size()));
  for (const BoundStatement& statement : statements) {
    put_byte(body, prepared_in_batch);
    put_short_bytes(body, statement.id);
    if (statement.values.empty()) put_short(body, 0);
    body += statement.values;
  }
  put_short(body, static_cast<std::uint16_t>(consistency));
  put_flags(body, version, 0);
}

}  // namespace leat::connector::cql
