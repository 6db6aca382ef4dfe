#include "sql/file_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/engine.h"
#include "sql/parquet_writer.h"

namespace leat::sql {

std::string rows_of_files(const FileTable& table, const std::vector<std::string>& files) {
  std::vector<std::string> columns, nothing;
  const std::size_t first_partition = table.schema.size() - table.partitions;
  for (std::size_t i = 0; i < table.schema.size(); ++i) {
    const Column& column = table.schema[i];
    const std::string name = quoted_name(column.name);
    const std::string type = column.type.to_sql();
    if (i < first_partition) {
      columns.push_back(fmt::format("CAST({0} AS {1}) AS {0}", name, type));
      nothing.push_back(fmt::format("NULL::{} AS {}", type, name));
    } else {
      columns.push_back(fmt::format("CAST(nullif({0}, {2}) AS {1}) AS {0}", name, type,
                                    quoted_text(parquet_null_partition)));
      nothing.push_back(fmt::format("NULL::VARCHAR AS {}", name));
    }
  }
  std::string rows = fmt::format("SELECT {} WHERE false", fmt::join(nothing, ", "));
  if (!files.empty()) {
    std::vector<std::string> paths;
    for (const std::string& file : files) paths.push_back(quoted_text(file));
    rows += fmt::format(
        " UNION ALL BY NAME SELECT * FROM read_parquet([{}], union_by_name = true, "
        "hive_partitioning = {}, hive_types_autocast = false)",
        fmt::join(paths, ", "), table.partitions > 0);
  }
  return fmt::format("SELECT {} FROM ({})", fmt::join(columns, ", "), rows);
}

}  // namespace leat::sql
