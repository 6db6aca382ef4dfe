#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/mongodb/bson_writer.h"
#include "format/json_text.h"

namespace leat::connector::mongodb {

/// Values in values in a document at most: the server takes 200, its own commands around it
/// included.
inline constexpr unsigned document_depth_max = 180;

/// Turns JSON into BSON with the types kept: whole numbers become int32 where they fit, else int64,
/// else decimal128 (up to 34 digits), all other numbers double; texts stay texts. Used by one
/// thread at a time; its memory is reused from record to record.
///
/// Errors (user): `not-json`, `not-a-document`: the record can't be written, the message says why.
class JsonDocument {
 public:
  /// Indexes the text (copied) for the calls below.
  Status read(std::string_view json);
  /// The text is a JSON object, not an array or scalar.
  bool is_object() const { return text_.byte(0) == '{'; }
  /// The object's fields, appended to the open document but for a field `_id`. True: there is one.
  Result<bool> append_fields(BsonWriter& out);
  /// The object's field `_id`; only where `append_fields` found one.
  Status append_id(BsonWriter& out);
  /// The whole text as one value.
  Status append_value(std::string_view name, BsonWriter& out);
  /// What is at the JSON pointer with these tokens, as one value. False: nothing is.
  Result<bool> append_at(const std::vector<std::string>& pointer, std::string_view name,
                         BsonWriter& out);

 private:
  Status value(std::size_t& at, std::string_view name, unsigned depth, BsonWriter& out);
  Status object(std::size_t& at, unsigned depth, BsonWriter& out);
  Status array(std::size_t& at, unsigned depth, BsonWriter& out);
  Status number(std::string_view digits, std::string_view name, BsonWriter& out);
  /// The string at `at` without escapes; valid until the next call with the same `scratch`.
  Result<std::string_view> string(std::size_t at, std::string& scratch);
  /// Likewise of a field's name.
  Result<std::string_view> name(std::size_t at, std::string& scratch);
  /// Goes to the member; false: there is none.
  Result<bool> step(std::size_t& at, const std::string& token);
  std::unexpected<Error> malformed() const;

  std::string padded_;
  format::JsonText text_;
  std::string scratch_;
  std::size_t id_at_ = 0;
};

}  // namespace leat::connector::mongodb
