#pragma once

#include <optional>
#include <string>

#include "model/type.h"

namespace leat {

/// How one typed column is found in a record: what decoding works from.
struct DecodedColumn {
  std::string name;
  Type type = Type::of(DUCKDB_TYPE_VARCHAR);
  std::string
      pointer;  ///< RFC 6901 into the JSON document ("" is the whole); only when `field` is empty
  std::string field;      ///< name in a CSV header, or record metadata: $key $timestamp $offset
                          ///< $partition $topic $value $headers $tombstone
  bool required = false;  ///< NULL or missing refuses the record
  std::optional<std::string> default_json;  ///< JSON text, taken where the value is missing or null
  bool numbers_from_text = false;           ///< "42" is taken for 42
  std::string time_unit;  ///< of a temporal column that comes as a number: s | ms | us | ns; empty:
                          ///< ISO 8601 text
  std::string pii;        ///< category of personal data, empty: not personal
};

}  // namespace leat
