#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/wire.h"

namespace leat::connector::cql {

/// A type of CQL, as a value.
struct CqlType {
  /// The protocol's numbers; what a custom type's class says has numbers of our own.
  enum class Kind : std::uint16_t {
    custom = 0x0000,  ///< a class that we know nothing of, in `name`
    ascii = 0x0001,
    bigint = 0x0002,
    blob = 0x0003,
    boolean = 0x0004,
    counter = 0x0005,
    decimal = 0x0006,
    double_ = 0x0007,
    float_ = 0x0008,
    int_ = 0x0009,
    timestamp = 0x000B,
    uuid = 0x000C,
    text = 0x000D,
    varint = 0x000E,
    timeuuid = 0x000F,
    inet = 0x0010,
    date = 0x0011,
    time = 0x0012,
    smallint = 0x0013,
    tinyint = 0x0014,
    duration = 0x0015,
    list = 0x0020,
    map = 0x0021,
    set = 0x0022,
    user_type = 0x0030,
    tuple = 0x0031,
    vector = 0xFF00,
  };
  Kind kind = Kind::text;
  /// Elements of a list, set or vector; key and value of a map; fields of a tuple or user type.
  std::vector<CqlType> parameters = {};
  std::vector<std::string> field_names = {};  ///< of a user type
  std::string keyspace = {};                  ///< of a user type
  std::string name = {};                      ///< of a user or custom type
  std::size_t dimension = 0;                  ///< of a vector

  /// Reads a type option; a reader that fails gives any type.
  static CqlType read(WireReader& reader);
  /// As a CREATE TABLE has it; collections within others are frozen. User types by their name.
  std::string to_cql() const;
  bool is_text() const { return kind == Kind::text || kind == Kind::ascii; }
  /// Bytes of every value, where that is the same for all; 0: it is not.
  std::size_t fixed_bytes() const;
  bool operator==(const CqlType&) const = default;
};

/// The name as it must stand in CQL: in quotes where it has capitals, is no identifier or is a
/// reserved word.
std::string quoted_name(std::string_view name);

/// `text` between single quotes.
std::string quoted_text(std::string_view text);

}  // namespace leat::connector::cql
