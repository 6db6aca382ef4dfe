#include "connector/postgresql/json_values.h"

#include <algorithm>

#include "format/encoder.h"

namespace leat::connector::postgresql {
namespace {

constexpr std::uint32_t boolean_oid = 16, bytea_oid = 17, int8_oid = 20, int2_oid = 21,
                        int4_oid = 23, oid_oid = 26, json_oid = 114, float4_oid = 700,
                        float8_oid = 701, timestamp_oid = 1114, timestamptz_oid = 1184,
                        numeric_oid = 1700, jsonb_oid = 3802;
constexpr int array_depth_max = 16;  ///< the server allows 6

/// Of an array's type: its elements'; 0 for any other type.
std::uint32_t element_of(std::uint32_t type) {
  static constexpr std::pair<std::uint32_t, std::uint32_t> arrays[] = {
      {1000, boolean_oid}, {1001, bytea_oid},
      {1005, int2_oid},    {1007, int4_oid},
      {1016, int8_oid},    {1028, oid_oid},
      {1021, float4_oid},  {1022, float8_oid},
      {1231, numeric_oid}, {199, json_oid},
      {3807, jsonb_oid},   {1115, timestamp_oid},
      {1009, 25},          {1185, timestamptz_oid},
      {1015, 1043},        {1014, 1042},
      {1182, 1082},        {1183, 1083},
      {1270, 1266},        {1187, 1186},
      {2951, 2950},        {1563, 1562}};
  for (const auto& [array, element] : arrays) {
    if (array == type) return element;
  }
  return 0;
}

void append_number(std::string_view text, std::string& out) {
  // NaN, Infinity, -Infinity
  const bool finite = !text.empty() && (text.back() >= '0' && text.back() <= '9');
  if (finite) {
    out += text;
  } else {
    format::append_json_string(text, out);
  }
}

void append_bytea(std::string_view text, std::string& out) {
  if (!text.starts_with("\\x")) return format::append_json_string(text, out);
  text.remove_prefix(2);
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  }
  out += '"';
  format::append_base64(bytes, out);
  out += '"';
}

void append_timestamp(std::string_view text, bool has_zone, std::string& out) {
  std::string iso(text);
  const std::size_t space = iso.find(' ');
  const bool common = space != std::string::npos && !iso.ends_with("BC");
  if (common) iso[space] = 'T';
  if (common && has_zone && iso.ends_with("+00")) iso.replace(iso.size() - 3, 3, "Z");
  format::append_json_string(iso, out);
}

/// `{1,NULL,"a \"b\""}`, `{{1,2},{3,4}}`, `[0:1]={1,2}`.
class ArrayText {
 public:
  ArrayText(std::uint32_t element, std::string_view text, std::string& out)
      : element_(element), text_(text), out_(out) {}

  bool append() {
    if (text_.starts_with('[')) at_ = std::min(text_.find('='), text_.size() - 1) + 1;
    return append_list(0) && at_ == text_.size();
  }

 private:
  char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool append_list(int depth) {
    if (here() != '{' || depth > array_depth_max) return false;
    ++at_;
    out_ += '[';
    for (bool first = true; here() != '}'; first = false) {
      if (!first) {
        if (here() != ',') return false;
        ++at_;
        out_ += ',';
      }
      if (!(here() == '{' ? append_list(depth + 1) : append_element())) return false;
    }
    ++at_;
    out_ += ']';
    return true;
  }

  bool append_element() {
    value_.clear();
    const bool quoted = here() == '"';
    if (quoted) ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (quoted ? c == '"' : c == ',' || c == '}') break;
      if (c == '\\') ++at_;
      value_ += here();
      ++at_;
    }
    if (at_ >= text_.size() || (!quoted && value_.empty())) return false;
    if (quoted) ++at_;
    if (!quoted && value_ == "NULL") {
      out_ += "null";
    } else {
      append_json_value(element_, value_, out_);
    }
    return true;
  }

  std::uint32_t element_;
  std::string_view text_;
  std::string& out_;
  std::size_t at_ = 0;
  std::string value_;
};

}  // namespace

void append_json_value(std::uint32_t type, std::string_view text, std::string& out) {
  switch (type) {
    case boolean_oid:
      out += text == "t" ? "true" : "false";
      return;
    case int2_oid:
    case int4_oid:
    case int8_oid:
    case oid_oid:
    case float4_oid:
    case float8_oid:
    case numeric_oid:
      return append_number(text, out);
    case json_oid:
    case jsonb_oid:
      out += text.empty() ? "null" : text;
      return;
    case bytea_oid:
      return append_bytea(text, out);
    case timestamp_oid:
    case timestamptz_oid:
      return append_timestamp(text, type == timestamptz_oid, out);
    default:
      break;
  }
  if (const std::uint32_t element = element_of(type); element != 0) {
    const std::size_t begin = out.size();
    if (ArrayText(element, text, out).append()) return;
    out.resize(begin);
  }
  format::append_json_string(text, out);
}

}  // namespace leat::connector::postgresql
