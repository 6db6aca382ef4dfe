#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/json_text.h"

namespace leat::format {

/// Which of the wanted names an object's field has. Records of one kind have their fields in one
/// order, so the n-th field's name is first compared, as raw bytes, with the n-th name of the
/// object before; only where that fails is it looked up. Used by one thread at a time.
class FieldMatcher {
 public:
  static constexpr int unwanted = -1;
  static constexpr int malformed = -2;

  /// The names are distinct; a match gives the index.
  explicit FieldMatcher(std::vector<std::string> names);

  /// The field whose name is the string at index `at`, the `ordinal`-th of its object. `malformed`:
  /// the fault is in `text`.
  int match(JsonText& text, std::size_t at, std::size_t ordinal) {
    if (ordinal < guesses_.size()) {
      const Guess& guess = guesses_[ordinal];
      std::uint64_t words[2];
      // Readable also at the document's end: it has padding.
      __builtin_memcpy(words, text.place(at), sizeof(words));
      if ((((words[0] ^ guess.words[0]) & guess.masks[0]) |
           ((words[1] ^ guess.words[1]) & guess.masks[1])) == 0 &&
          (guess.rest.empty() || rest_matches(text, at, guess))) {
        return guess.match;
      }
    }
    return look_up(text, at, ordinal);
  }

 private:
  /// A name as it stood in the text, with both quotes, so that nothing longer can be taken for it:
  /// the first 16 bytes under a mask, and what is beyond them.
  struct Guess {
    std::uint64_t words[2] = {};
    std::uint64_t masks[2] = {};
    std::string rest;
    int match = unwanted;
  };
  static bool rest_matches(const JsonText& text, std::size_t at, const Guess& guess);
  int look_up(JsonText& text, std::size_t at, std::size_t ordinal);
  void remember(std::string_view quoted, std::size_t ordinal, int match);

  std::unordered_map<std::string, int> names_;
  std::vector<Guess> guesses_;
  std::string scratch_;
};

}  // namespace leat::format
