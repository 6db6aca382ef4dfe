#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/schema.h"

namespace leat::sql {

/// A table whose rows are in Parquet files. Pure data.
struct FileTable {
  Schema schema;
  std::size_t partitions = 0;  ///< the last columns, which stand in the files' paths (`year=2026/`)
  std::string folder;          ///< absolute; all files are below it
};

/// A SELECT of the table's columns over these files, which lie below its folder; what a file lacks
/// is NULL. Given to DuckDB it reads only the parts of the files that a query needs.
std::string rows_of_files(const FileTable& table, const std::vector<std::string>& files);

}  // namespace leat::sql
