#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "connector/context.h"
#include "connector/framing.h"
#include "connector/object/record_gathering.h"
#include "sql/parquet_reader.h"

namespace leat::connector::object {

/// How the records of objects are found. Pure data.
struct ObjectFormat {
  enum class Kind { json, csv, parquet };
  Kind kind = Kind::json;
  Framing framing;      ///< of JSON and CSV; its record_bytes_max holds for all
  bool header = false;  ///< of CSV: the first row names the columns, rows become JSON objects
};

/// The records of one object, a part at a time. Used by one thread.
/// Errors: of domain `user` where the object itself is at fault and will ever be; any other may
/// pass.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  /// Gathers the next records; false: there were no more.
  virtual Result<bool> read(RecordGathering& out) = 0;
  /// Where reading goes on: a byte of the decompressed object, or a row.
  virtual std::uint64_t position() const = 0;
};

/// Reads the object `key` from the local file `path`, from `position` on. A path below `key` that
/// says `column=value` gives columns to CSV's and Parquet's rows. `parquet` may be null where the
/// format is another; it is the reader's own as long as that lives.
Result<std::unique_ptr<ObjectReader>> open_object(const ObjectFormat& format,
                                                  const Context& context, const std::string& key,
                                                  const std::string& path, std::uint64_t position,
                                                  sql::ParquetReader* parquet);

}  // namespace leat::connector::object
