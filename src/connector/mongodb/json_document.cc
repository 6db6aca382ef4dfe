#include "connector/mongodb/json_document.h"

#include <cstdint>
#include <limits>

#include "connector/mongodb/decimal128.h"
#include "format/json_pointer.h"
#include "format/parse_number.h"
#include "format/utf8.h"
#include "model/slice.h"

namespace leat::connector::mongodb {

using format::NumberGrammar;
using format::ParseFault;

namespace {

constexpr std::string_view id_name = "_id";
/// Text sizes in BSON have 32 bits; a document can't come near.
constexpr std::size_t json_bytes_max = 1u << 30;

}  // namespace

std::unexpected<Error> JsonDocument::malformed() const {
  return user_error("not-json", "{}", text_.fault());
}

Status JsonDocument::read(std::string_view json) {
  if (json.size() > json_bytes_max) {
    return user_error("not-a-document", "a record of {} bytes is larger than any document",
                      json.size());
  }
  padded_.clear();
  padded_.reserve(json.size() + slice_padding);
  padded_.append(json).append(slice_padding, '\0');
  if (!text_.index(std::string_view(padded_.data(), json.size()))) return malformed();
  return {};
}

Result<bool> JsonDocument::append_fields(BsonWriter& out) {
  bool has_id = false;
  std::size_t at = 1;
  if (text_.byte(at) == '}') {
    if (!text_.check_end(at + 1)) return malformed();
    return false;
  }
  for (;; ++at) {
    const std::string_view field = LEAT_TRY(name(at, scratch_));
    at += 2;
    if (field == id_name) {
      has_id = true;
      id_at_ = at;
      if (!text_.check(at)) return malformed();
    } else {
      LEAT_TRY(value(at, field, 1, out));
    }
    if (text_.byte(at) == '}') break;
    if (text_.byte(at) != ',') {
      text_.fail(at, "a comma or the object's end is expected");
      return malformed();
    }
  }
  if (!text_.check_end(at + 1)) return malformed();
  return has_id;
}

Status JsonDocument::append_id(BsonWriter& out) {
  std::size_t at = id_at_;
  return value(at, id_name, 1, out);
}

Status JsonDocument::append_value(std::string_view name, BsonWriter& out) {
  std::size_t at = 0;
  LEAT_TRY(value(at, name, 1, out));
  if (!text_.check_end(at)) return malformed();
  return {};
}

Result<bool> JsonDocument::append_at(const std::vector<std::string>& pointer, std::string_view name,
                                     BsonWriter& out) {
  std::size_t at = 0;
  for (const std::string& token : pointer) {
    if (!LEAT_TRY(step(at, token))) return false;
  }
  LEAT_TRY(value(at, name, 1, out));
  return true;
}

Result<bool> JsonDocument::step(std::size_t& at, const std::string& token) {
  const char bracket = text_.byte(at);
  const bool is_array = bracket == '[';
  if (!is_array && bracket != '{') return false;
  const auto wanted = format::array_index(token);
  if (is_array && !wanted) return false;
  std::string scratch;
  ++at;
  for (std::size_t index = 0;; ++index, ++at) {
    if (text_.byte(at) == ']' || text_.byte(at) == '}') return false;
    if (is_array) {
      if (index == *wanted) return true;
    } else {
      const std::string_view field = LEAT_TRY(name(at, scratch));
      at += 2;
      if (field == token) return true;
    }
    if (!text_.skip(at)) return malformed();
    if (text_.byte(at) != ',') return false;
  }
}

Status JsonDocument::value(std::size_t& at, std::string_view name, unsigned depth,
                           BsonWriter& out) {
  if (depth > document_depth_max) {
    return user_error("not-a-document",
                      "values are nested more than {} deep, which MongoDB does "
                      "not take",
                      document_depth_max);
  }
  switch (text_.byte(at)) {
    case '{': {
      const std::size_t start = out.begin_document(name);
      LEAT_TRY(object(at, depth, out));
      out.end(start);
      return {};
    }
    case '[': {
      const std::size_t start = out.begin_array(name);
      LEAT_TRY(array(at, depth, out));
      out.end(start);
      return {};
    }
    case '"': {
      // `name` may stand in scratch_: a text gets one of its own where it needs one.
      std::string unescaped;
      out.text(name, LEAT_TRY(string(at, unescaped)));
      break;
    }
    case 't':
      if (!text_.is_true(at)) return text_.expected_value(at), malformed();
      out.boolean(name, true);
      break;
    case 'f':
      if (!text_.is_false(at)) return text_.expected_value(at), malformed();
      out.boolean(name, false);
      break;
    case 'n':
      if (!text_.is_null(at)) return text_.expected_value(at), malformed();
      out.null(name);
      break;
    case ',':
    case ':':
    case ']':
    case '}':
    case '\0':
      return text_.expected_value(at), malformed();
    default:
      LEAT_TRY(number(text_.scalar(at), name, out));
  }
  ++at;
  return {};
}

Status JsonDocument::object(std::size_t& at, unsigned depth, BsonWriter& out) {
  std::string scratch;
  ++at;
  if (text_.byte(at) == '}') return ++at, Status();
  for (;; ++at) {
    const std::string_view field = LEAT_TRY(name(at, scratch));
    at += 2;
    LEAT_TRY(value(at, field, depth + 1, out));
    if (text_.byte(at) == '}') break;
    if (text_.byte(at) != ',') {
      text_.fail(at, "a comma or the object's end is expected");
      return malformed();
    }
  }
  ++at;
  return {};
}

Status JsonDocument::array(std::size_t& at, unsigned depth, BsonWriter& out) {
  ++at;
  if (text_.byte(at) == ']') return ++at, Status();
  IndexName index_name;
  for (std::size_t index = 0;; ++index, ++at) {
    LEAT_TRY(value(at, index_name.of(index), depth + 1, out));
    if (text_.byte(at) == ']') break;
    if (text_.byte(at) != ',') {
      text_.fail(at, "a comma or the array's end is expected");
      return malformed();
    }
  }
  ++at;
  return {};
}

Status JsonDocument::number(std::string_view digits, std::string_view name, BsonWriter& out) {
  const bool whole = digits.find_first_of(".eE") == std::string_view::npos;
  if (whole) {
    std::int64_t small = 0;
    const ParseFault fault =
        format::parse_integer(digits, NumberGrammar::json, std::numeric_limits<std::int64_t>::min(),
                              std::numeric_limits<std::int64_t>::max(), small);
    if (fault == ParseFault::none) {
      if (small == static_cast<std::int32_t>(small)) {
        out.int32(name, static_cast<std::int32_t>(small));
      } else {
        out.int64(name, small);
      }
      return {};
    }
    format::Int128 wide = 0;
    if (format::parse_hugeint(digits, NumberGrammar::json, wide) == ParseFault::none) {
      if (const auto decimal = decimal128_of(wide, 0)) {
        out.decimal128(name, decimal->low, decimal->high);
        return {};
      }
    }
  }
  double value = 0;
  const ParseFault fault = format::parse_double(digits, NumberGrammar::json, value);
  if (fault == ParseFault::out_of_range) {
    return user_error("not-a-document", "field {}: the number {} is too large for a double",
                      format::excerpt(name), format::excerpt(digits));
  }
  if (fault != ParseFault::none) {
    return user_error("not-json", "malformed JSON: field {} has {} where a value is expected",
                      format::excerpt(name), format::excerpt(digits));
  }
  out.number(name, value);
  return {};
}

Result<std::string_view> JsonDocument::string(std::size_t at, std::string& scratch) {
  const std::string_view quoted = text_.string(at);
  if (!text_.has_escape(quoted)) return quoted;
  scratch.resize(quoted.size());
  std::size_t written = 0;
  if (const char* problem = format::unescape_json(quoted, scratch.data(), written)) {
    text_.fail(at, problem);
    return malformed();
  }
  return std::string_view(scratch.data(), written);
}

Result<std::string_view> JsonDocument::name(std::size_t at, std::string& scratch) {
  if (!text_.check_name(at)) return malformed();
  const std::string_view name = LEAT_TRY(string(at, scratch));
  if (name.find('\0') != std::string_view::npos) {
    return user_error(
        "not-a-document",
        "the name of a field holds the character U+0000, which MongoDB does not take");
  }
  return name;
}

}  // namespace leat::connector::mongodb
