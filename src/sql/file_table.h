#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace leat::sql {

/// A table whose rows are in Parquet files. Pure data.
struct FileTable {
  Schema schema;       ///< as queries see it
  Schema stored;       ///< the same columns with the types that the files have
  std::string folder;  ///< absolute; all files are below it
};

/// A SELECT of the table's columns over these files, which lie below its folder. Columns may stand
/// in the files or in their paths (`year=2026/`), in each file otherwise; what a file lacks is
/// NULL. Given to DuckDB it reads only the files and the parts of them that a query needs.
std::string rows_of_files(const FileTable& table, const std::vector<std::string>& files);

}  // namespace leat::sql
