#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/json_text.h"

namespace leat::format {

/// Takes the JSON bodies of HTTP apart into records. Every body is checked from the first byte to
/// the last: what comes out is well-formed. Views point into the body. Used by one thread at a
/// time; keeps its memory from body to body.
///
/// Bodies need slice_padding readable bytes after their end. Errors are the user's, with the code
/// `body-empty`, `body-malformed`, `pointer-missing` or `json-pointer`.
class JsonBody {
 public:
  enum class Form {
    json,    ///< an array: its elements; any other value: that one
    ndjson,  ///< a value each line; empty lines are passed over
  };

  /// Every record's text, appended to `records`. The error names the byte and, for lines, the line.
  Status records(std::string_view body, Form form, std::vector<std::string_view>& records);

  /// The elements of the array at this JSON pointer, or the one value there. Error
  /// `pointer-missing`: the body has nothing there.
  Status extract_records(std::string_view body, std::string_view pointer,
                         std::vector<std::string_view>& records);

  /// What is at the pointer as text: a string without quotes and escapes, any other scalar as it
  /// stands, an object or array as JSON. Nothing: null, or not there.
  Result<std::optional<std::string>> text_at(std::string_view body, std::string_view pointer);
  /// What is at the pointer, byte for byte as it stands. Nothing: not there.
  Result<std::optional<std::string_view>> raw_at(std::string_view body, std::string_view pointer);

 private:
  Status check(std::string_view body);
  Status lines(std::string_view body, std::vector<std::string_view>& records);
  /// The index of the value at the pointer, in the body that was checked.
  Result<std::optional<std::size_t>> find(std::string_view pointer);
  std::optional<std::size_t> step(std::size_t at, const std::string& token);
  void elements(std::size_t at, std::vector<std::string_view>& records);

  JsonText text_;
};

}  // namespace leat::format
