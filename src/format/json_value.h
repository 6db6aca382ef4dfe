#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/field_matcher.h"
#include "format/json_text.h"
#include "format/scalar_parser.h"
#include "format/text_arena.h"

namespace leat::format {

/// Reads JSON values of one type straight into a vector. Used by one thread at a time.
class JsonValueReader {
 public:
  struct Options {
    bool numbers_from_text = false;
    std::string time_unit;
  };
  enum class Outcome {
    value,
    null,       ///< nothing was written
    refused,    ///< well-formed, but not of the type: the reason is in `problem`
    malformed,  ///< the fault is in the text
  };

  JsonValueReader(const Type& type, const Options& options);
  ~JsonValueReader();
  JsonValueReader(JsonValueReader&&) noexcept;

  /// False for types that JSON can't carry.
  static bool supports(const Type& type);

  /// Reads the value at `at` into the row and goes past it (after `refused`: somewhere into it).
  /// Texts without escapes are pointed at, others are put into the arena.
  Outcome read(JsonText& text, std::size_t& at, TextArena& arena, VectorWriter& out,
               std::size_t row) {
    // What most values are: text that is read as text.
    if (is_text_ && text.byte(at) == '"' && !text.has_escapes()) {
      out.point_at_text(row, text.string(at));
      ++at;
      return Outcome::value;
    }
    return read_any(text, at, arena, out, row);
  }
  const std::string& problem() const { return problem_; }

 private:
  Outcome read_any(JsonText& text, std::size_t& at, TextArena& arena, VectorWriter& out,
                   std::size_t row);
  Outcome scalar(JsonText& text, std::size_t at, TextArena& arena, VectorWriter& out,
                 std::size_t row);
  Outcome string(JsonText& text, std::size_t at, TextArena& arena, VectorWriter& out,
                 std::size_t row);
  Outcome raw(JsonText& text, std::size_t& at, VectorWriter& out, std::size_t row);
  Outcome elements(JsonText& text, std::size_t& at, TextArena& arena, VectorWriter& out,
                   std::size_t row);
  Outcome fields(JsonText& text, std::size_t& at, TextArena& arena, VectorWriter& out,
                 std::size_t row);
  Outcome entries(JsonText& text, std::size_t& at, TextArena& arena, VectorWriter& out,
                  std::size_t row);
  /// Of a list's element, a struct's field or a map's value.
  Outcome member(JsonValueReader& reader, JsonText& text, std::size_t& at, TextArena& arena,
                 VectorWriter& out, std::size_t row);
  Outcome checked(ParseFault fault, JsonText& text, std::size_t at, std::string_view shown) {
    return fault == ParseFault::none ? Outcome::value : refused(fault, text, at, shown);
  }
  Outcome refused(ParseFault fault, JsonText& text, std::size_t at, std::string_view shown);
  Outcome mismatch(JsonText& text, std::size_t at);
  std::optional<std::string_view> unescaped(JsonText& text, std::size_t at, TextArena& arena);

  Type type_;
  VectorShape::Kind kind_;
  bool is_json_;
  bool is_text_;  ///< VARCHAR that is not JSON
  bool is_boolean_;
  bool numbers_from_text_;
  std::optional<ScalarParser> parser_;      ///< of a scalar type
  std::vector<JsonValueReader> members_;    ///< a list's element; a map's value; a struct's fields
  std::optional<FieldMatcher> matcher_;     ///< of a struct
  std::optional<ScalarParser> key_parser_;  ///< of a map
  std::string problem_;
};

}  // namespace leat::format
