#include "sql/file_table.h"

#include <map>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/engine.h"
#include "sql/parquet_writer.h"

namespace leat::sql {
namespace {

/// The columns that stand in a path below the folder, in order.
std::vector<std::string> columns_of_path(std::string_view path, std::string_view folder) {
  std::vector<std::string> names;
  path.remove_prefix(folder.size());
  for (std::size_t begin = 0, end; (end = path.find('/', begin)) != path.npos; begin = end + 1) {
    const std::string_view part = path.substr(begin, end - begin);
    if (const std::size_t equals = part.find('='); equals != part.npos) {
      names.emplace_back(part.substr(0, equals));
    }
  }
  return names;
}

/// The rows of files that have the same columns in their paths: DuckDB takes no others together.
std::string rows_of_alike(const FileTable& table, const std::vector<std::string>& names,
                          const std::vector<std::string>& files) {
  std::vector<std::string> typed, paths;
  for (const std::string& name : names) {
    const auto column = table.stored.find(name);
    if (!column) continue;
    typed.push_back(fmt::format("CAST(nullif({0}, {1}) AS {2}) AS {0}", quoted_name(name),
                                quoted_text(parquet_null_partition),
                                table.stored[*column].type.to_sql()));
  }
  for (const std::string& file : files) paths.push_back(quoted_text(file));
  const std::string replaced =
      typed.empty() ? "" : fmt::format(" REPLACE ({})", fmt::join(typed, ", "));
  return fmt::format(
      "SELECT *{} FROM read_parquet([{}], union_by_name = true, hive_partitioning = {}, "
      "hive_types_autocast = false)",
      replaced, fmt::join(paths, ", "), !names.empty());
}

}  // namespace

std::string rows_of_files(const FileTable& table, const std::vector<std::string>& files) {
  std::vector<std::string> columns, nothing;
  for (std::size_t i = 0; i < table.schema.size(); ++i) {
    const std::string name = quoted_name(table.schema[i].name);
    nothing.push_back(fmt::format("NULL::{} AS {}", table.stored[i].type.to_sql(), name));
    columns.push_back(fmt::format("CAST({0} AS {1}) AS {0}", name, table.schema[i].type.to_sql()));
  }
  // So that every column is there, whatever files there are.
  std::string rows = fmt::format("SELECT {} WHERE false", fmt::join(nothing, ", "));
  std::map<std::vector<std::string>, std::vector<std::string>> alike;
  for (const std::string& file : files) alike[columns_of_path(file, table.folder)].push_back(file);
  for (const auto& [names, group] : alike) {
    rows += " UNION ALL BY NAME " + rows_of_alike(table, names, group);
  }
  return fmt::format("SELECT {} FROM ({})", fmt::join(columns, ", "), rows);
}

}  // namespace leat::sql
