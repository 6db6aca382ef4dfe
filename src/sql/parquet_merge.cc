#include "sql/parquet_merge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/engine.h"
#include "sql/parquet_copy.h"

namespace leat::sql {

Result<ParquetFile> merge_parquet(const ParquetMerge& merge, const ParquetLayout& layout,
                                  const std::stop_token& stop) {
  const DatabaseHandle database =
      LEAT_TRY(open_engine({.threads = 1,
                            .memory_bytes_max = ParquetWriter::memory_bytes_max,
                            .folder = merge.folder,
                            .readable_folders = {merge.readable_folder}}));
  const ConnectionHandle connection = LEAT_TRY(connect_engine(database.get()));
  const std::stop_callback interrupt(stop, [&] { duckdb_interrupt(connection.get()); });
  std::vector<std::string> paths;
  for (const std::string& file : merge.files) paths.push_back(quoted_text(file));
  const std::string sql = fmt::format(
      "COPY (SELECT * FROM read_parquet([{}], union_by_name = true, hive_partitioning = false){}) "
      "TO {} ({})",
      fmt::join(paths, ", "), ordering_of(layout), quoted_text(merge.folder + "/" + merge.name),
      parquet_options(layout.compression));
  std::vector<ParquetFile> written =
      LEAT_TRY(copy_to_parquet(connection.get(), sql, merge.folder + "/"));
  if (written.size() != 1) {
    return internal_error("parquet-failed", "{} files became {}", paths.size(), written.size());
  }
  return std::move(written.front());
}

}  // namespace leat::sql
