#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace leat::format {

/// Appends to a text through a plain pointer: room is made first and then filled without a check or
/// a call for each piece. The text is whole again, and no longer than what was written, when the
/// tail is gone.
class TextTail {
 public:
  explicit TextTail(std::string& text) : text_(text), used_(text.size()) {}
  TextTail(const TextTail&) = delete;
  TextTail& operator=(const TextTail&) = delete;
  ~TextTail() { text_.resize(used_); }

  /// Where up to `bytes` more may be written; say by `written` up to where they were.
  char* room(std::size_t bytes) {
    if (text_.size() - used_ < bytes) grow(bytes);
    return text_.data() + used_;
  }
  void written(const char* end) { used_ = static_cast<std::size_t>(end - text_.data()); }

  static char* put(char* at, std::string_view bytes) {
    std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
  }
  void add(std::string_view bytes) { written(put(room(bytes.size()), bytes)); }

  /// Lets somebody append who takes a string.
  template <class Append>
  void append_by(Append&& append) {
    text_.resize(used_);
    append(text_);
    used_ = text_.size();
  }

 private:
  void grow(std::size_t bytes) {
    std::size_t size = std::max(text_.capacity(), used_ + bytes);
    if (size > text_.capacity()) size = std::max(size, 2 * text_.capacity());
    text_.resize_and_overwrite(size, [](char*, std::size_t given) { return given; });
  }

  std::string& text_;
  std::size_t used_;
};

}  // namespace leat::format
