#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace simdjson::internal {
class dom_parser_implementation;
}

namespace leat::format {

/// Values in values in a JSON document at most.
inline constexpr std::size_t json_depth_max = 1024;

/// One JSON document, seen through the index of its structure that simdjson's first stage builds
/// (which also checks UTF-8, control characters and that strings end). Walking goes by index: `{ }
/// [ ] : ,`, the opening quote of a string, and the first byte of any other scalar have one each; a
/// walk is nothing but reading bytes at these places.
///
/// Functions that can find the document malformed return false and leave the reason in `fault`.
/// Used by one thread at a time; the memory is reused from document to document. The text must have
/// 64 readable bytes after it (slice_padding) and outlive the walk.
class JsonText {
 public:
  JsonText();
  ~JsonText();
  JsonText(JsonText&&) noexcept;

  /// Indexes the document. A byte order mark before it is passed over. False: no JSON at all.
  bool index(std::string_view text);

  std::size_t size() const { return size_; }
  bool ended(std::size_t at) const { return at >= size_; }
  /// The byte at this index; a zero byte after the last.
  char byte(std::size_t at) const { return at < size_ ? base_[structure_[at]] : '\0'; }
  const char* place(std::size_t at) const { return base_ + structure_[at]; }
  /// Byte position in the document.
  std::size_t position(std::size_t at) const;

  /// The text of the number or literal at `at`, unchecked.
  std::string_view scalar(std::size_t at) const {
    const char* begin = base_ + structure_[at];
    const char* end = base_ + structure_[at + 1];
    while (end != begin && is_space(end[-1])) --end;
    return {begin, static_cast<std::size_t>(end - begin)};
  }
  /// The string at `at` between its quotes, escapes as they are.
  std::string_view string(std::size_t at) const {
    const std::string_view quoted = scalar(at);
    return {quoted.data() + 1, quoted.size() - 2};
  }
  bool has_escapes() const { return has_escapes_; }
  bool has_escape(std::string_view string) const {
    return has_escapes_ && string.find('\\') != std::string_view::npos;
  }
  /// The whole text of a value that begins at `at` and after which `next` comes.
  std::string_view raw(std::size_t at, std::size_t next) const;

  /// Passes over the value at `at`: brackets are matched, what is between them is not looked at.
  bool skip(std::size_t& at) {
    const char c = byte(at);
    if (c == '{' || c == '[') return skip_nested(at);
    if (c == ',' || c == ':' || c == ']' || c == '}' || c == '\0') return expected_value(at);
    ++at;
    return true;
  }
  /// Passes over the value at `at`, checking every byte of it.
  bool check(std::size_t& at);
  /// False unless the document ends here.
  bool check_end(std::size_t at) {
    return at >= size_ || fail(at, "unexpected text after the document's end");
  }

  /// False unless a field's name and a colon stand here. Escapes in the name are not looked at.
  bool check_name(std::size_t at) {
    if (byte(at) != '"') return fail(at, "a field's name is expected");
    return byte(at + 1) == ':' || fail(at + 1, "a colon is expected");
  }

  bool is_true(std::size_t at) const { return scalar(at) == "true"; }
  bool is_false(std::size_t at) const { return scalar(at) == "false"; }
  bool is_null(std::size_t at) const { return byte(at) == 'n' && scalar(at) == "null"; }

  /// Notes what is wrong at `at`; always false.
  bool fail(std::size_t at, const char* what) {
    return fail_at(at < size_ ? position(at) : text_.size(), what);
  }
  bool expected_value(std::size_t at);
  /// "… at byte 17"
  const std::string& fault() const { return fault_; }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  bool fail_at(std::size_t position, const char* what);
  bool fail_index(int code);
  bool skip_nested(std::size_t& at);
  bool check_scalar(std::size_t at);
  bool check_key(std::size_t& at);

  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  std::string_view text_;
  const char* base_ = nullptr;
  const std::uint32_t* structure_ = nullptr;
  std::size_t size_ = 0;
  bool has_escapes_ = false;
  std::string fault_;
};

/// Writes the string without its escapes to `out`, which has room for as many bytes as `string`
/// has; `written` of them were needed. Null, or what is wrong with an escape.
const char* unescape_json(std::string_view string, char* out, std::size_t& written);

}  // namespace leat::format
