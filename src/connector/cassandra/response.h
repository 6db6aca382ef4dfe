// Bodies of the messages that a server sends (docs/formats/cql.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/cql_type.h"
#include "connector/cassandra/frame.h"
#include "connector/cassandra/server_error.h"
#include "connector/cassandra/wire.h"

namespace leat::connector::cql {

struct ColumnSpec {
  std::string keyspace, table, name;
  CqlType type;
  bool operator==(const ColumnSpec&) const = default;
};

/// What is known of a result's or a statement's columns.
struct Metadata {
  std::vector<ColumnSpec> columns;  ///< empty when they were left out
  std::size_t column_count = 0;
  std::string paging_state;  ///< where the next page begins; empty: this was the last
  std::string new_id;        ///< of the result's metadata, where it has changed (version 5)
  std::vector<std::uint16_t> partition_key;  ///< of a statement: which values, in the key's order
};

/// Rows of a result, with their bytes.
class Rows {
 public:
  Metadata metadata;

  std::size_t size() const { return count_; }
  /// The bytes live as long as these rows.
  Cell cell(std::size_t row, std::size_t column) const {
    const Place& place = cells_[row * metadata.column_count + column];
    if (place.length < 0) return std::nullopt;
    return std::string_view(bytes_).substr(place.begin, static_cast<std::size_t>(place.length));
  }
  /// As text; empty for NULL.
  std::string_view text(std::size_t row, std::size_t column) const {
    return cell(row, column).value_or(std::string_view());
  }
  /// Takes the rows out of what follows the metadata.
  void read(WireReader& reader);

 private:
  struct Place {
    std::uint32_t begin;
    std::int32_t length;
  };
  std::string bytes_;
  std::vector<Place> cells_;
  std::size_t count_ = 0;
};

struct ReadyMessage {};
struct AuthenticateMessage {
  std::string authenticator;
};
struct SupportedMessage {
  std::map<std::string, std::vector<std::string>> options;
};
struct AuthChallengeMessage {};
struct AuthSuccessMessage {};
/// A result without rows: of a write, of a change of the schema.
struct DoneMessage {};
struct PreparedMessage {
  std::string id, result_metadata_id;
  Metadata values, result;
};
struct EventMessage {
  std::string type;     ///< STATUS_CHANGE, TOPOLOGY_CHANGE, SCHEMA_CHANGE
  std::string change;   ///< UP, DOWN, NEW_NODE, REMOVED_NODE, CREATED, UPDATED, DROPPED
  std::string subject;  ///< an address, or keyspace and name
};

using Message =
    std::variant<DoneMessage, ServerError, Rows, PreparedMessage, ReadyMessage, AuthenticateMessage,
                 SupportedMessage, AuthChallengeMessage, AuthSuccessMessage, EventMessage>;

struct Response {
  Message message;
  std::vector<std::string> warnings;  ///< in the server's words
};

/// Takes a message apart. Error `protocol-violated` (transient).
Result<Response> read_response(const Envelope& envelope);

}  // namespace leat::connector::cql
