#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"

namespace leat::sql {

/// Reads Parquet files from front to back, a part at a time. Used by one thread.
class ParquetReader {
 public:
  static constexpr std::size_t memory_bytes_max = 512u << 20;

  /// Reads files below `folder` and no others; it must be there.
  static Result<std::unique_ptr<ParquetReader>> open(const std::string& folder);
  virtual ~ParquetReader() = default;

  /// Begins with a file and gives its columns; what was read before is forgotten. Error
  /// `parquet-damaged` (user): it is none, or can't be read.
  virtual Result<Schema> begin(const std::string& path) = 0;
  /// The next rows, in the file's order; nothing: there are no more. Errors as of `begin`.
  virtual Result<std::optional<Chunk>> next() = 0;
};

}  // namespace leat::sql
