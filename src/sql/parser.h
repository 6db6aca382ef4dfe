#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sql/fault.h"
#include "sql/handles.h"
#include "sql/syntax.h"

namespace leat::sql {

/// SQL texts longer than this are refused before DuckDB sees them.
inline constexpr std::size_t sql_bytes_max = 1 << 20;

/// SQL text to syntax tree and back, by DuckDB's own parser. Borrows the connection, one thread at
/// a time.
class Parser {
 public:
  static Result<std::unique_ptr<Parser>> open(duckdb_connection connection);

  /// The query node of one SELECT (or VALUES, WITH, FROM, DESCRIBE, SUMMARIZE, SHOW).
  Analysed<Node> parse(std::string_view sql);
  /// SQL text of a query node.
  Analysed<std::string> to_sql(const Node& query);

 private:
  Parser(StatementHandle serialize, StatementHandle deserialize)
      : serialize_(std::move(serialize)), deserialize_(std::move(deserialize)) {}
  /// The one text that `SELECT function(?)` gives.
  Analysed<std::string> call(const StatementHandle& statement, std::string_view argument);

  StatementHandle serialize_;
  StatementHandle deserialize_;
};

}  // namespace leat::sql
