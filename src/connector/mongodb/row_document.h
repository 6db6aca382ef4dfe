#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/bson_writer.h"
#include "connector/mongodb/json_document.h"
#include "model/schema.h"
#include "model/vector_access.h"

namespace leat::connector::mongodb {

/// How timestamps are written: BSON's own dates end at the millisecond.
enum class TimestampForm { date, text };

/// Writes typed columns as BSON. Used by one thread at a time.
///
/// BOOLEAN, VARCHAR and NULL as such; integers of up to 32 bits as int32, wider ones as int64 or,
/// beyond it, decimal128; DECIMAL as decimal128; FLOAT and DOUBLE as double; DATE and all
/// TIMESTAMPs as date (infinities as text); UUID as binary of subtype 4, BLOB of subtype 0; JSON as
/// the values that it holds; lists as arrays, structs and maps as documents (a map with a nested
/// key: an array of documents `{key, value}`); TIME, INTERVAL, BIT and BIGNUM as text.
class RowDocument {
 public:
  RowDocument(const Schema& schema, TimestampForm timestamps);
  ~RowDocument();

  /// Before the rows of a chunk: which must outlive their writing.
  void read(const Chunk& chunk);
  /// Appends the column's element to the open document. Error (user): the value has no place in
  /// BSON; the message says which and why.
  Status append(std::size_t column, std::size_t row, std::string_view name, BsonWriter& out);
  /// Likewise, but so that values that differ are different: a timestamp that is no whole
  /// millisecond is written as text.
  Status append_exact(std::size_t column, std::size_t row, std::string_view name, BsonWriter& out);

 private:
  struct Cell;
  static Cell cell_of(const Type& type);
  Status value(const Cell& cell, const VectorReader& reader, std::size_t row, std::string_view name,
               unsigned depth, BsonWriter& out);
  Status number(const Cell& cell, const VectorReader& reader, std::size_t row,
                std::string_view name, BsonWriter& out) const;
  Status nested(const Cell& cell, const VectorReader& reader, std::size_t row,
                std::string_view name, unsigned depth, BsonWriter& out);
  Status map(const Cell& cell, const VectorReader& reader, std::size_t row, std::string_view name,
             unsigned depth, BsonWriter& out);
  void time(const Cell& cell, const VectorReader& reader, std::size_t row, std::string_view name,
            BsonWriter& out);

  TimestampForm timestamps_;
  bool exact_ = false;
  std::vector<Cell> cells_;
  std::vector<VectorShape> shapes_;
  std::vector<std::size_t> columns_;
  std::vector<VectorReader> readers_;
  std::string scratch_;
  JsonDocument json_;
};

}  // namespace leat::connector::mongodb
