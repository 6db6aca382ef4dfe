#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "format/parse_number.h"
#include "format/parse_time.h"
#include "format/text_arena.h"
#include "model/type.h"
#include "model/vector_access.h"

namespace leat::format {

/// Text to values of one type that is neither nested nor JSON, straight into a vector. What CSV,
/// JSON's strings and numbers, and defaults all go through. Immutable.
class ScalarParser {
 public:
  /// `time_unit` as in DecodedColumn.
  ScalarParser(const Type& type, std::string_view time_unit);

  /// INTERVAL, BIT, BIGNUM and times with a zone have no form here.
  static bool supports(const Type& type);
  static bool knows_unit(std::string_view time_unit);

  /// True for types that are written as numbers: numeric ones, and temporal ones with a unit.
  bool takes_numbers() const { return takes_numbers_; }

  /// `text` is a number; for a type of text the caller takes it as it stands.
  ParseFault number(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                    std::size_t row) const {
    return is_small_integer_ && small_integer(text, out, row) ? ParseFault::none
                                                              : any_number(text, grammar, out, row);
  }
  /// `text` in the form that the type has as text. VARCHAR points at it; a blob is base64 and is
  /// decoded into the arena.
  ParseFault text(std::string_view text, TextArena& arena, VectorWriter& out,
                  std::size_t row) const;
  void boolean(bool value, VectorWriter& out, std::size_t row) const { out.set(row, value); }
  void timestamp_ms(std::int64_t value, VectorWriter& out, std::size_t row) const;

  /// In words, with an excerpt of the text.
  std::string reason(ParseFault fault, std::string_view text) const;

 private:
  bool small_integer(std::string_view text, VectorWriter& out, std::size_t row) const;
  void store_integer(std::int64_t value, VectorWriter& out, std::size_t row) const;
  ParseFault any_number(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                        std::size_t row) const;
  ParseFault decimal(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                     std::size_t row) const;
  ParseFault wide_integer(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                          std::size_t row) const;
  ParseFault epoch(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                   std::size_t row) const;
  ParseFault store_time(TimePoint time, VectorWriter& out, std::size_t row) const;

  Type type_;
  duckdb_type id_;
  std::uint8_t width_ = 0;         ///< bytes in the vector
  bool is_small_integer_ = false;  ///< an integer of up to 64 signed bits
  bool takes_numbers_ = false;
  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
  unsigned unit_scale_ = 0;  ///< nanoseconds in the time unit, as a power of ten
  bool has_unit_ = false;
};

/// UUID text to the 128 bits that a vector holds: 32 hexadecimal digits, with hyphens or without,
/// in braces or not.
ParseFault parse_uuid(std::string_view text, Uint128& out);
/// true/false, t/f, yes/no, y/n, on/off, 1/0, without regard to case.
ParseFault parse_boolean(std::string_view text, bool& out);
/// Base64 (RFC 4648, also its URL form), padded or not, into `out`, which has room for 3/4 of the
/// text's bytes; the number of bytes written.
ParseFault parse_base64(std::string_view text, char* out, std::size_t& written);

}  // namespace leat::format
