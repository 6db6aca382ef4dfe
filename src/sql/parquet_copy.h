#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "sql/handles.h"
#include "sql/parquet_writer.h"

namespace leat::sql {

/// What stands behind COPY … TO: `FORMAT parquet`, the compression by the name that ParquetLayout
/// has, and that it gives the files that it wrote.
std::string parquet_options(const std::string& compression);

/// Runs a COPY with these options and gives the files; their partitions are what stands between
/// `below` and the name in their paths. Errors: `parquet-failed` (external, transient).
Result<std::vector<ParquetFile>> copy_to_parquet(duckdb_connection connection,
                                                 const std::string& sql, const std::string& below);

}  // namespace leat::sql
