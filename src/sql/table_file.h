#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"

namespace leat::sql {

/// A file whose rows are a table, and how it is to be read.
struct TableFile {
  enum class Format { csv, json, parquet };
  std::string path;  ///< absolute
  Format format = Format::csv;
  // Of CSV.
  bool header = true;
  std::string delimiter = ",";
  std::string null_text = {};  ///< a field of this text is NULL
};

/// Reads files that are tables, each as a whole, by DuckDB's own readers. Used by one thread.
class TableFileReader {
 public:
  static constexpr std::size_t memory_bytes_max = 512u << 20;

  /// Reads files of this folder and of no other.
  static Result<std::unique_ptr<TableFileReader>> open(const std::string& folder);
  virtual ~TableFileReader() = default;

  /// The columns that the file itself says, with the types that all its rows can have. Errors
  /// (user): `table-file`, which says what is wrong with the file.
  virtual Result<Schema> columns(const TableFile& file) = 0;
  /// Hands over the rows, with these columns, found by their names; what the file has besides is
  /// left out. Errors as above, also those of `sink`; what was handed over before one must be
  /// thrown away.
  virtual Status read(const TableFile& file, const Schema& columns,
                      const std::function<Status(Chunk)>& sink) = 0;
};

}  // namespace leat::sql
