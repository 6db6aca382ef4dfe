#include "format/json_text.h"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <simdjson.h>

#include "format/parse_number.h"
#include "format/utf8.h"

namespace leat::format {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
/// The index is first made for documents of this size and doubled from there.
constexpr std::size_t capacity_min = 4096;
/// Positions in the index have 32 bits.
constexpr std::size_t text_bytes_max = 0xFFFF'FF00;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Four hexadecimal digits, or -1.
int code_unit(std::string_view text) {
  if (text.size() < 4) return -1;
  int unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

std::size_t put_utf8(unsigned code, char* out) {
  const auto put = [&](std::size_t i, unsigned bits) { out[i] = static_cast<char>(bits); };
  const auto tail = [&](unsigned shift) { return 0x80 | ((code >> shift) & 0x3F); };
  if (code < 0x80) {
    put(0, code);
    return 1;
  }
  if (code < 0x800) {
    put(0, 0xC0 | code >> 6), put(1, tail(0));
    return 2;
  }
  if (code < 0x10000) {
    put(0, 0xE0 | code >> 12), put(1, tail(6)), put(2, tail(0));
    return 3;
  }
  put(0, 0xF0 | code >> 18), put(1, tail(12)), put(2, tail(6)), put(3, tail(0));
  return 4;
}

/// The character of `\uXXXX` (or of two that make a surrogate pair); `text` begins after the `u`,
/// `taken` bytes of it were used. -1: none.
int escaped_character(std::string_view text, std::size_t& taken) {
  const int first = code_unit(text);
  taken = 4;
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first >= 0xDC00 || text.size() < 10 || text[4] != '\\' || text[5] != 'u') return -1;
  const int second = code_unit(text.substr(6));
  if (second < 0xDC00 || second > 0xDFFF) return -1;
  taken = 10;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char simple_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

}  // namespace

const char* unescape_json(std::string_view string, char* out, std::size_t& written) {
  char* const begin = out;
  while (!string.empty()) {
    const std::size_t plain = std::min(string.find('\\'), string.size());
    std::memcpy(out, string.data(), plain);
    out += plain;
    string.remove_prefix(plain);
    if (string.empty()) break;
    if (string.size() < 2) return "an escape is cut off";
    if (string[1] == 'u') {
      std::size_t taken = 0;
      const int code = escaped_character(string.substr(2), taken);
      if (code < 0) return "\\u is not followed by four hexadecimal digits that make a character";
      out += put_utf8(static_cast<unsigned>(code), out);
      string.remove_prefix(2 + taken);
    } else {
      const char c = simple_escape(string[1]);
      if (c == '\0') return "an unknown escape in a string";
      *out++ = c;
      string.remove_prefix(2);
    }
  }
  written = static_cast<std::size_t>(out - begin);
  return nullptr;
}

JsonText::JsonText() = default;
JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;

bool JsonText::index(std::string_view text) {
  text_ = text;
  size_ = 0;
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  base_ = text.data();
  if (text.size() > text_bytes_max) return fail_at(0, "a document of 4 GiB or more");
  if (parser_ == nullptr || text.size() > parser_->capacity()) {
    const std::size_t capacity =
        std::min(text_bytes_max, std::max(capacity_min, text.size() + text.size() / 2));
    parser_.reset();
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        capacity, 1, parser_);
    if (error != simdjson::SUCCESS) return fail_at(0, "no memory left for a document of this size");
  }
  const auto error = parser_->stage1(reinterpret_cast<const std::uint8_t*>(text.data()),
                                     text.size(), simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) return fail_index(error);
  structure_ = parser_->structural_indexes.get();
  size_ = parser_->n_structural_indexes;
  has_escapes_ = std::memchr(text.data(), '\\', text.size()) != nullptr;
  return true;
}

bool JsonText::fail_index(int code) {
  switch (code) {
    case simdjson::EMPTY:
      return fail_at(0, "no value");
    case simdjson::UTF8_ERROR:
      return fail_at(valid_utf8_bytes(text_), "invalid UTF-8");
    case simdjson::UNCLOSED_STRING:
      return fail_at(text_.size(), "a string without its end");
    case simdjson::UNESCAPED_CHARS:
      break;
    default:
      return fail_at(0, simdjson::error_message(static_cast<simdjson::error_code>(code)));
  }
  bool inside = false;
  std::size_t at = 0;
  for (; at < text_.size(); ++at) {
    if (inside && static_cast<unsigned char>(text_[at]) < ' ') break;
    if (inside && text_[at] == '\\') {
      ++at;
    } else if (text_[at] == '"') {
      inside = !inside;
    }
  }
  return fail_at(at, "a control character in a string, which must be escaped");
}

bool JsonText::fail_at(std::size_t position, const char* what) {
  fault_ = fmt::format("malformed JSON: {} at byte {}", what, position);
  return false;
}

std::size_t JsonText::position(std::size_t at) const {
  return static_cast<std::size_t>(base_ + structure_[at] - text_.data());
}

bool JsonText::expected_value(std::size_t at) {
  return fail(at, ended(at) ? "the document ends where a value is expected" : "a value is missing");
}

std::string_view JsonText::raw(std::size_t at, std::size_t next) const {
  const char* const begin = place(at);
  const char* end = base_ + structure_[next];
  // Before `next` stand only the value's end and white space.
  while (end != begin && is_space(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

bool JsonText::skip_nested(std::size_t& at) {
  std::array<char, json_depth_max> closing;
  std::size_t depth = 0;
  const std::size_t begin = at;
  for (; at < size_; ++at) {
    const char c = base_[structure_[at]];
    // '[' and '{', ']' and '}' differ in one bit; what closes comes two after what opens.
    if ((c | 0x20) == '{') {
      if (depth == json_depth_max) return fail(at, "values nested more than 1,024 levels deep");
      closing[depth++] = static_cast<char>(c + 2);
    } else if ((c | 0x20) == '}') {
      if (closing[--depth] != c) return fail(at, "an object or array closed as the other");
      if (depth == 0) {
        ++at;
        return true;
      }
    }
  }
  return fail(begin, "an object or array without its end");
}

bool JsonText::check_scalar(std::size_t at) {
  const std::string_view text = scalar(at);
  switch (text.front()) {
    case '"': {
      if (!has_escape(text)) return true;
      std::string scratch(text.size(), '\0');
      std::size_t written = 0;
      const char* const wrong =
          unescape_json(text.substr(1, text.size() - 2), scratch.data(), written);
      return wrong == nullptr || fail(at, wrong);
    }
    case 't':
      return text == "true" || fail(at, "an unknown word");
    case 'f':
      return text == "false" || fail(at, "an unknown word");
    case 'n':
      return text == "null" || fail(at, "an unknown word");
    case ',':
    case ':':
    case ']':
    case '}':
      return expected_value(at);
    default: {
      NumberText number;
      return scan_number(text, NumberGrammar::json, number) ||
             fail(at, "neither a number nor any other value");
    }
  }
}

bool JsonText::check_key(std::size_t& at) {
  if (!check_name(at) || !check_scalar(at)) return false;
  at += 2;
  return true;
}

bool JsonText::check(std::size_t& at) {
  std::array<bool, json_depth_max> is_object;
  std::size_t depth = 0;
  while (true) {
    if (ended(at)) return expected_value(at);
    const char c = byte(at);
    if (c == '{' || c == '[') {
      if (depth == json_depth_max) return fail(at, "values nested more than 1,024 levels deep");
      is_object[depth++] = c == '{';
      ++at;
      if (byte(at) != (c == '{' ? '}' : ']')) {
        if (c == '{' && !check_key(at)) return false;
        continue;
      }
    } else {
      if (!check_scalar(at)) return false;
      ++at;
    }
    // After a value: the ends of what it closes, then a comma or the end.
    while (depth > 0 && byte(at) == (is_object[depth - 1] ? '}' : ']')) {
      ++at;
      --depth;
    }
    if (depth == 0) return true;
    if (byte(at) != ',') return fail(at, "a comma or the end of the object or array is expected");
    ++at;
    if (is_object[depth - 1] && !check_key(at)) return false;
  }
}

}  // namespace leat::format
