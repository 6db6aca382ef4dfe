#pragma once

#include <cstdint>
#include <vector>

#include "model/type.h"

namespace leat {

/// How a type lies in memory in a DuckDB vector, taken from a Type once so that hot loops need no
/// look-ups. A map is a list of structs of key and value.
struct VectorShape {
  enum class Kind : std::uint8_t {
    fixed,      ///< `width` bytes an element
    text,       ///< duckdb_string_t: VARCHAR, BLOB, BIT, BIGNUM
    list,       ///< duckdb_list_entry into one child
    array,      ///< `array_size` elements of one child for each element
    structure,  ///< one child a field, as long as this vector
  };
  duckdb_type id = DUCKDB_TYPE_INVALID;
  Kind kind = Kind::fixed;
  std::uint8_t width = 0;  ///< bytes in the vector: 1, 2, 4, 8 or 16
  std::size_t array_size = 0;
  std::vector<VectorShape> children;

  static VectorShape of(const Type& type);
  static std::vector<VectorShape> of(const std::vector<Type>& types);
  /// False for types that Leat keeps in no stream or view: ENUM, UNION, NULL.
  static bool supports(const Type& type);
};

}  // namespace leat
