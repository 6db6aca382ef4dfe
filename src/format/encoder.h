#pragma once

#include <string>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"

namespace leat::format {

/// Writes rows as text. Const and without state: called from several threads at once.
/// JSON: integers up to 64 bits, doubles (shortest text that reads back the same; NaN and
/// infinities as null) and booleans as such; HUGEINT and DECIMAL as numbers in full; dates and
/// times as ISO 8601 text, TIMESTAMP as "2026-01-01T00:00:00.000Z" with as many fraction digits as
/// needed (3 or 6) and TIMESTAMPTZ likewise in UTC; JSON columns as they are; lists, structs and
/// maps nested.
class RowEncoder {
 public:
  explicit RowEncoder(Schema schema);
  ~RowEncoder();
  RowEncoder(RowEncoder&&) noexcept;

  /// {"a":1,"b":"x"} with no newline, appended to `out`.
  void append_json_object(const Chunk& chunk, std::size_t row, std::string& out) const;
  /// All rows as JSON lines: an object and a newline each. Several times faster than row by row.
  void append_json_lines(const Chunk& chunk, std::string& out) const;
  /// All rows as CSV lines that end with a newline.
  void append_csv_lines(const Chunk& chunk, std::string& out) const;
  /// [1,"x"]
  void append_json_array(const Chunk& chunk, std::size_t row, std::string& out) const;
  /// RFC 4180, no line end. NULL is an empty field, the empty text is "".
  void append_csv(const Chunk& chunk, std::size_t row, std::string& out) const;
  std::string csv_header() const;
  /// One cell for a person: a terminal's table.
  void append_text(const Chunk& chunk, std::size_t row, std::size_t column, std::string& out) const;
  const Schema& schema() const;

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

/// `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string_view text, std::string& out);
/// RFC 4648 with padding.
void append_base64(std::string_view bytes, std::string& out);

}  // namespace leat::format
