#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace leat::proof {

/// Which seeds a program of random runs takes: --seeds N, --first N, or --seed N, which is shown.
struct Seeds {
  std::uint64_t count;  ///< at first: how many where nobody says
  std::uint64_t first = 1;
  bool shows = false;

  /// False: the word is none of these.
  bool take(std::string_view word, const char* value) {
    const std::uint64_t number = std::strtoull(value, nullptr, 10);
    if (word == "--seeds") {
      count = number;
    } else if (word == "--first") {
      first = number;
    } else if (word == "--seed") {
      *this = {.count = 1, .first = number, .shows = true};
    } else {
      return false;
    }
    return true;
  }
  std::uint64_t last() const { return first + count - 1; }
};

}  // namespace leat::proof
