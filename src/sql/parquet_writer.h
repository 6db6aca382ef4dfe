#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"
#include "sql/file_table.h"

namespace leat::sql {

/// What Parquet files look like. Pure data.
struct ParquetLayout {
  Schema input;              ///< the rows' columns
  bool with_weight = false;  ///< the rows' weights go into a first column, parquet_weight
  /// Columns that files are told apart by, in the order of the folders: name and SQL expression
  /// over a row's columns. They stand in the files' paths (`year=2026/month=1/`), not in the files.
  std::vector<std::pair<std::string, std::string>> partitions;
  struct Order {
    std::size_t column = 0;
    bool descending = false;
  };
  std::vector<Order> order;          ///< of the rows within a file; empty: as they come
  std::string compression = "zstd";  ///< zstd | snappy | gzip | lz4 | none
  bool uuid_as_text = true;          ///< Spark can't read Parquet's own UUID
};

inline constexpr const char* parquet_weight = "weight";
/// What stands in the path for NULL, as Hive, Spark and Arrow have it.
inline constexpr const char* parquet_null_partition = "__HIVE_DEFAULT_PARTITION__";

/// Errors (user): `bad-partition`, `name-clash`; the message says where and what to do.
Status check_parquet_layout(const ParquetLayout& layout);

/// The files as a table, without their folder. Errors as of check_parquet_layout.
Result<FileTable> table_of(const ParquetLayout& layout);

/// " ORDER BY …" of the rows of a file, or nothing.
std::string ordering_of(const ParquetLayout& layout);

/// A file as it was written.
struct ParquetFile {
  std::string path;
  std::string partition;  ///< "year=2026/month=1/"; empty where files are not told apart
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

/// Gathers rows, and writes them to Parquet files all at once; in between they are in memory and,
/// beyond its bound, in the writer's folder. Used by one thread.
class ParquetWriter {
 public:
  static constexpr std::size_t memory_bytes_max = 256u << 20;

  /// `folder` must be there, and is the writer's own: it may leave files behind in it.
  static Result<std::unique_ptr<ParquetWriter>> open(ParquetLayout layout,
                                                     const std::string& folder);
  virtual ~ParquetWriter() = default;

  /// Takes `count` rows of the chunk from `begin` on, by copy. Error `row-failed` (user): a
  /// partition's expression or a conversion fails on one of them; none is taken then. Error
  /// `sql-memory` (external, transient): the disk is full.
  virtual Status add(const Chunk& rows, std::span<const std::int64_t> weights, std::size_t begin,
                     std::size_t count) = 0;
  virtual std::uint64_t rows() const = 0;
  /// Of the rows gathered, before any compression.
  virtual std::uint64_t bytes() const = 0;
  /// Writes the rows gathered to new files called `name`-0.parquet, `name`-1.parquet … in the
  /// partitions' folders below the writer's, and forgets them.
  /// Errors: `parquet-failed` (external, transient).
  virtual Result<std::vector<ParquetFile>> write(const std::string& name,
                                                 const std::stop_token& stop) = 0;
};

}  // namespace leat::sql
