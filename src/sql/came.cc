#include "sql/came.h"

namespace leat::sql {

Schema with_came(const Schema& input) {
  if (input.find(came_column)) return input;
  std::vector<Column> columns = input.columns();
  columns.push_back({came_column, Type::of(DUCKDB_TYPE_TIMESTAMP_TZ)});
  return Schema(std::move(columns));
}

Schema with_came(const Schema& input, std::string_view sql) {
  return reads_came(sql) ? with_came(input) : input;
}

}  // namespace leat::sql
