#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/cql_type.h"
#include "model/type.h"
#include "model/vector_access.h"

namespace leat::connector::cql {

/// The type that a column is given in a table that is made for it; `vectors`: the server knows
/// vector types (Cassandra 5). Error `type-mismatch` (user): there is none.
Result<CqlType> cql_type_for(const Type& type, bool vectors);

/// Writes values of one column as a CQL type has them. Immutable: used from any thread.
class ValueWriter {
 public:
  /// Error `type-mismatch` (user): values of the one can't be written as the other.
  static Result<ValueWriter> make(const Type& from, const CqlType& to);

  /// Appends the value with its length, or NULL. False: it can't be written, `reason` says why, and
  /// `out` may have parts of it.
  bool append(const VectorReader& reader, std::size_t row, std::string& out,
              std::string& reason) const;

 private:
  /// How a value that is not NULL is written, without its length.
  using Put = bool (*)(const ValueWriter&, const VectorReader&, std::size_t row, std::string& out,
                       std::string& reason);
  struct Functions;
  friend struct Functions;

  static Result<ValueWriter> make_nested(const Type& from, const CqlType& to);

  Put put_ = nullptr;
  duckdb_type from_ = DUCKDB_TYPE_INVALID;
  unsigned scale_ = 0;  ///< of a decimal
  CqlType to_;
  std::vector<ValueWriter> parts_;  ///< of elements, key and value, or fields
  std::vector<int> field_of_;       ///< which field of the STRUCT each of `parts_` is; -1: none
};

}  // namespace leat::connector::cql
