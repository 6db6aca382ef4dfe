#include "pipeline/scalar_position.h"

#include <algorithm>

namespace leat::pipeline {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Walks the source of a scalar in step with its value. Whitespace may differ (lines are folded,
/// indentation is cut), everything else stands in the source in the value's order.
class Walk {
 public:
  Walk(std::string_view source, std::size_t begin) : source_(source), at_(begin) {
    if (at_ >= source_.size()) return;
    style_ = source_[at_];
    if (style_ == '"' || style_ == '\'') {
      ++at_;
    } else if (style_ == '|' || style_ == '>') {
      const auto line_end = source_.find('\n', at_);
      at_ = line_end == std::string_view::npos ? source_.size() : line_end + 1;
    } else {
      style_ = ' ';
    }
  }

  /// The source byte of the value's next character.
  std::size_t place_of(char wanted) {
    if (!is_blank(wanted)) skip_blanks();
    return at_;
  }

  /// Steps over the value's next bytes, which start with `wanted`; returns how many of them one
  /// step of the source stands for.
  std::size_t step(char wanted) {
    if (at_ >= source_.size()) return 1;
    if (style_ == '"' && source_[at_] == '\\') return step_over_escape();
    if (style_ == '\'' && source_.substr(at_, 2) == "''") {
      at_ += 2;
      return 1;
    }
    if (!is_blank(wanted) || is_blank(source_[at_])) ++at_;
    return 1;
  }

 private:
  void skip_blanks() {
    while (at_ < source_.size()) {
      if (is_blank(source_[at_])) {
        ++at_;
      } else if (style_ == '"' && source_.substr(at_, 2) == "\\\n") {
        at_ += 2;
      } else {
        return;
      }
    }
  }

  std::size_t step_over_escape() {
    const char kind = at_ + 1 < source_.size() ? source_[at_ + 1] : '\0';
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    std::size_t code = 0;
    for (std::size_t i = 0; i < digits && at_ + 2 + i < source_.size(); ++i) {
      const char c = source_[at_ + 2 + i];
      code = code * 16 + static_cast<std::size_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    at_ = std::min(source_.size(), at_ + 2 + digits);
    // Bytes of the character in UTF-8; \N and \_ stand for one of two bytes, \L and \P of three.
    if (kind == 'N' || kind == '_') return 2;
    if (kind == 'L' || kind == 'P') return 3;
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }

  std::string_view source_;
  std::size_t at_;
  char style_ = ' ';
};

}  // namespace

std::size_t scalar_source_position(std::string_view source, std::size_t begin,
                                   std::string_view value, std::size_t position) {
  Walk walk(source, begin);
  const bool past_end = position >= value.size();
  // At the end, the whitespace that a block ends with is of no interest.
  while (past_end && !value.empty() && is_blank(value.back())) value.remove_suffix(1);
  const std::size_t last = past_end ? value.size() : position;
  std::size_t place = walk.place_of(' ');
  for (std::size_t i = 0; i < value.size();) {
    place = walk.place_of(value[i]);
    const std::size_t bytes = walk.step(value[i]);
    if (i + bytes > last) return place;
    i += bytes;
  }
  return walk.place_of(' ');
}

std::size_t skip_properties(std::string_view source, std::size_t begin) {
  std::size_t at = begin;
  while (at < source.size() && (source[at] == '&' || source[at] == '!')) {
    while (at < source.size() && !is_blank(source[at])) ++at;
    while (at < source.size() && is_blank(source[at])) ++at;
  }
  return at;
}

}  // namespace leat::pipeline
