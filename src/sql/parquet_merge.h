#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "sql/parquet_writer.h"

namespace leat::sql {

/// Parquet files that become one. Pure data.
struct ParquetMerge {
  std::vector<std::string> files;
  std::string readable_folder;  ///< they are below it
  std::string folder;  ///< where the merged file is made, and what does not fit into memory
  std::string name;    ///< the merged file's
};

/// Writes the rows of the files to `folder`/`name`, sorted and compressed as the layout says; what
/// some of the files lack is NULL. Memory is bounded as a ParquetWriter's.
/// Errors: `parquet-failed` (external, transient).
Result<ParquetFile> merge_parquet(const ParquetMerge& merge, const ParquetLayout& layout,
                                  const std::stop_token& stop);

}  // namespace leat::sql
