#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/cql_type.h"
#include "model/type.h"
#include "model/vector_access.h"

namespace leat::connector::cql {

/// Reads values of a CQL type into vectors of one type. Immutable: used from any thread.
class ValueReader {
 public:
  /// Error `type-mismatch` (user): values of the one are not all values of the other. Its message
  /// names the type that they would be.
  static Result<ValueReader> make(const CqlType& from, const Type& to);
  /// Whether values of some CQL type can be read into this type.
  static bool can_read(const Type& type);

  /// Writes the value, or NULL, into this row. False: the vector can't hold it, `reason` says why,
  /// and the row may have parts of it.
  bool read(Cell cell, VectorWriter& out, std::size_t row, std::string& reason) const;

 private:
  /// Reads a value that is not NULL.
  using Get = bool (*)(const ValueReader&, std::string_view bytes, VectorWriter& out,
                       std::size_t row, std::string& reason);
  struct Functions;
  friend struct Functions;

  static Result<ValueReader> make_nested(const CqlType& from, const Type& to);

  Get get_ = nullptr;
  CqlType from_;
  duckdb_type to_ = DUCKDB_TYPE_INVALID;
  unsigned width_ = 0, scale_ = 0;  ///< of a decimal
  std::vector<ValueReader> parts_;  ///< of elements, key and value, or fields
  std::vector<int> field_of_;       ///< which field of the STRUCT each of `parts_` is; -1: none
};

/// The type that a column is best declared as in a pipeline, in the words of SQL; empty: none.
std::string sql_type_for(const CqlType& type);

}  // namespace leat::connector::cql
