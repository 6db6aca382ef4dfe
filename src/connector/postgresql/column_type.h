#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "model/type.h"

namespace leat::connector::postgresql {

/// The binary form of a value, as COPY and the server's receive functions have it.
enum class Wire : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  text,  ///< also json
  jsonb,
  record_headers,  ///< jsonb, made of a record's headers
  bytea,
  bits,
  uuid,
  date,
  time,
  time_with_zone,
  timestamp,  ///< with or without zone
  interval,
  array,
};

/// How a column's values are kept in a table. Pure data.
struct ColumnType {
  std::string sql;        ///< as CREATE TABLE has it: "numeric(10,2)"
  std::uint32_t oid = 0;  ///< of the type, without its modifier
  Wire wire = Wire::text;
  std::shared_ptr<const ColumnType> element;  ///< of an array
};

/// What a column of this type becomes in a table that Leat makes. Error `type-not-kept` (user): a
/// type that Leat itself keeps in no stream.
Result<ColumnType> column_type(const Type& type);

/// The type of a topic's record headers: an object in jsonb.
ColumnType record_headers_type();
/// The types of a topic's record key and value, by the name that a setting gives: text, bytea, json
/// or jsonb.
ColumnType record_type(const std::string& name);

}  // namespace leat::connector::postgresql
