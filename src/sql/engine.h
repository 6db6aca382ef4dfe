#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/schema.h"
#include "sql/handles.h"

namespace leat::sql {

/// How a DuckDB of ours is opened. All of them: in memory, nothing from outside (no files but
/// those of `folder`, no network, no extension loading), time zone UTC, errors as JSON.
struct EngineOptions {
  unsigned threads = 1;
  std::size_t memory_bytes_max = 0;  ///< 0: DuckDB's own choice
  /// The one folder whose files it may read and write, and where it spills what does not fit into
  /// its memory; must be there. Empty: none.
  std::string folder = {};
  /// Folders whose files it may open, too. Statements of ours only read there.
  std::vector<std::string> readable_folders = {};
};
Result<DatabaseHandle> open_engine(const EngineOptions& options);

/// A connection with the settings that hold per connection.
Result<ConnectionHandle> connect_engine(duckdb_database database);

/// Runs a statement of ours, whose failure is a bug.
Status execute(duckdb_connection connection, const std::string& sql);

/// The output columns of a prepared statement.
Schema columns_of(duckdb_prepared_statement statement);

/// The columns of a schema as in CREATE TABLE: `"a" INTEGER, "b" VARCHAR`.
std::string column_definitions(const Schema& schema);

/// A name in double quotes, as SQL wants it.
std::string quoted_name(std::string_view name);
/// A text in single quotes.
std::string quoted_text(std::string_view text);

}  // namespace leat::sql
