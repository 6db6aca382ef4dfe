#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "format/decoder.h"
#include "format/scalar_parser.h"

namespace leat::format {

/// A column that is not in a record's value but beside it: `$key`, `$timestamp`, `$offset`,
/// `$partition`, `$topic`, `$headers`, `$tombstone` (whether it has no value), and `$value`, which
/// is all of it as it came.
class MetadataReader {
 public:
  enum class Field { key, timestamp, offset, partition, topic, value, headers, tombstone };

  static bool is_metadata(std::string_view field) { return field.starts_with('$'); }
  /// Error `unknown-metadata` or `column-type` (user).
  static Result<MetadataReader> make(const DecodedColumn& column);

  /// Writes the row, NULL where the record has none. A reason where the key or value is not of the
  /// column's type.
  std::optional<std::string> read(const Record& record, const Origin& origin, TextArena& arena,
                                  VectorWriter& out, std::size_t row) const;
  /// It is the column that tells records without a value from others.
  bool is_tombstone() const { return field_ == Field::tombstone; }
  /// Whether the record has what this column holds.
  bool present(const Record& record) const;

 private:
  MetadataReader(Field field, const DecodedColumn& column)
      : field_(field), type_(column.type), parser_(column.type, "ms") {}
  std::optional<std::string> bytes(std::string_view text, TextArena& arena, VectorWriter& out,
                                   std::size_t row) const;

  Field field_;
  Type type_;
  ScalarParser parser_;
};

/// A Kafka record's headers (a count, then for each the key and the value, lengths as zigzag
/// varints) as a JSON object of texts, appended to `out`; a value that is no UTF-8 becomes base64.
/// Leat's own are left out. False: damaged.
bool append_headers_json(std::string_view headers, std::string& out);

}  // namespace leat::format
