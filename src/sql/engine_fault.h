#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace leat::sql {

/// What DuckDB says went wrong, taken apart. DuckDB words it as JSON because every database here is
/// opened with `errors_as_json`.
struct EngineFault {
  std::string type;                     ///< Parser, Binder, Catalog, Conversion, Out of Range, …
  std::string subtype;                  ///< COLUMN_NOT_FOUND, MISSING_ENTRY, …; often empty
  std::string name;                     ///< of the thing that is missing
  std::string entry_type;               ///< Table, Scalar Function, …, of a MISSING_ENTRY
  std::string call;                     ///< "year(VARCHAR)", where no function takes these types
  std::vector<std::string> candidates;  ///< "year(DATE) -> BIGINT", …: what there is instead
  std::string message;                  ///< in DuckDB's words, trimmed to one line without lists
  std::optional<std::size_t> position;  ///< byte offset in the SQL text

  /// The expression failed on a value: a cast, an overflow, a domain; not a fault of the SQL.
  bool is_of_a_row() const;
};

/// From what duckdb_prepare_error or duckdb_result_error gave; null is allowed.
EngineFault engine_fault(const char* text);

}  // namespace leat::sql
