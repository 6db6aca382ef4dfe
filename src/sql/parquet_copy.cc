#include "sql/parquet_copy.h"

#include <fmt/format.h>

#include "model/chunk.h"
#include "sql/engine_fault.h"

namespace leat::sql {

std::string parquet_options(const std::string& compression) {
  return fmt::format("FORMAT parquet, COMPRESSION {}, RETURN_STATS",
                     compression == "none"  ? "uncompressed"
                     : compression == "lz4" ? "lz4_raw"
                                            : compression);
}

Result<std::vector<ParquetFile>> copy_to_parquet(duckdb_connection connection,
                                                 const std::string& sql, const std::string& below) {
  ResultHandle result;
  if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
    const EngineFault fault = engine_fault(duckdb_result_error(result.get()));
    return transient_error("parquet-failed", "{}: {} ({})", below, fault.message, fault.type);
  }
  std::vector<ParquetFile> files;
  while (duckdb_data_chunk handle = duckdb_fetch_chunk(*result.get())) {
    const Chunk chunk = Chunk::adopt(handle);
    const auto* paths =
        static_cast<const duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
    const auto number = [&](std::size_t column, std::size_t row) {
      return static_cast<const std::uint64_t*>(duckdb_vector_get_data(chunk.vector(column)))[row];
    };
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      ParquetFile file{std::string(text_of(paths[row])), "", number(1, row), number(2, row)};
      if (file.path.starts_with(below)) {
        file.partition = file.path.substr(below.size());
        file.partition.erase(file.partition.rfind('/') + 1);
      }
      files.push_back(std::move(file));
    }
  }
  return files;
}

}  // namespace leat::sql
