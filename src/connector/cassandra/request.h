// Bodies of the messages that a client sends (docs/formats/cql.md).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "connector/cassandra/consistency.h"

namespace leat::connector::cql {

/// What goes with a query or an execution.
struct QueryParameters {
  Consistency consistency = Consistency::local_one;
  /// A short count and the values, as `bytes` each; empty: none.
  std::string_view values = {};
  std::int32_t page_rows = 0;  ///< rows of a page; 0: the server's own
  std::string_view paging_state = {};
  bool skip_metadata = false;
};

/// A prepared statement with its values.
struct BoundStatement {
  std::string_view id;
  std::string_view result_metadata_id;
  std::string_view values;  ///< as in QueryParameters
};

void put_startup(std::string& body, const std::map<std::string, std::string>& options);
/// SASL PLAIN.
void put_plain_token(std::string& body, std::string_view username, std::string_view password);
void put_query(std::string& body, std::uint8_t version, std::string_view cql,
               const QueryParameters& parameters);
void put_prepare(std::string& body, std::uint8_t version, std::string_view cql);
/// `parameters.values` are not looked at: the statement has its own.
void put_execute(std::string& body, std::uint8_t version, const BoundStatement& statement,
                 QueryParameters parameters);
/// An unlogged batch. At most 65,535 statements.
void put_batch(std::string& body, std::uint8_t version, std::span<const BoundStatement> statements,
               Consistency consistency);

}  // namespace leat::connector::cql
