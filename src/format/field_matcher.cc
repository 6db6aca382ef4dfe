#include "format/field_matcher.h"

#include <cstring>

namespace leat::format {
namespace {

/// Objects with more fields than this are looked up from there on.
constexpr std::size_t guesses_max = 1024;
constexpr std::size_t guessed_name_bytes_max = 256;

}  // namespace

FieldMatcher::FieldMatcher(std::vector<std::string> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    names_.emplace(std::move(names[i]), static_cast<int>(i));
  }
}

bool FieldMatcher::rest_matches(const JsonText& text, std::size_t at, const Guess& guess) {
  const std::string_view quoted = text.scalar(at);
  return quoted.size() == sizeof(guess.words) + guess.rest.size() && quoted.ends_with(guess.rest);
}

int FieldMatcher::look_up(JsonText& text, std::size_t at, std::size_t ordinal) {
  const std::string_view quoted = text.scalar(at);
  const std::string_view raw = quoted.substr(1, quoted.size() - 2);
  scratch_.assign(raw);
  if (text.has_escape(raw)) {
    std::size_t written = 0;
    const char* const wrong = unescape_json(raw, scratch_.data(), written);
    if (wrong != nullptr) {
      text.fail(at, wrong);
      return malformed;
    }
    scratch_.resize(written);
  }
  const auto found = names_.find(scratch_);
  const int match = found == names_.end() ? unwanted : found->second;
  remember(quoted, ordinal, match);
  return match;
}

void FieldMatcher::remember(std::string_view quoted, std::size_t ordinal, int match) {
  if (quoted.size() > guessed_name_bytes_max || ordinal >= guesses_max) return;
  // A gap (a name too long to remember) is filled with what matches no quote.
  if (ordinal >= guesses_.size())
    guesses_.resize(ordinal + 1, Guess{{0, 0}, {~0ull, ~0ull}, {}, 0});
  Guess& guess = guesses_[ordinal];
  char bytes[sizeof(guess.words)] = {};
  char mask[sizeof(guess.words)] = {};
  const std::size_t head = std::min(quoted.size(), sizeof(bytes));
  std::memcpy(bytes, quoted.data(), head);
  std::memset(mask, 0xFF, head);
  std::memcpy(guess.words, bytes, sizeof(bytes));
  std::memcpy(guess.masks, mask, sizeof(mask));
  guess.rest.assign(quoted.substr(head));
  guess.match = match;
}

}  // namespace leat::format
