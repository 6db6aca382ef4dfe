#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/lookup_source.h"

namespace leat::runtime {

/// What a worker knows of a table: the keys that it asked for, by number. Used by one thread at a
/// time.
class KnownAnswers {
 public:
  /// More than this is forgotten at the next occasion.
  static constexpr std::size_t bytes_max = 16u << 20;
  /// The number of what is no key: it has a NULL.
  static constexpr std::uint32_t no_key = std::numeric_limits<std::uint32_t>::max();

  /// Notes a key that is new.
  std::uint32_t number_of(std::string_view key);
  /// Asks for the keys that were noted and have no answer yet. Errors: those of `table`.
  Status ask(LookupSource& table);
  /// What a key that was asked for has; for no_key that is nothing.
  const LookedUp& operator[](std::uint32_t number) const;

  /// Whether some key has rows that can't be taken, and whether some key has several rows.
  bool has_refusals() const { return refusals_; }
  bool has_several() const { return several_; }
  bool is_too_large() const { return bytes_ > bytes_max; }
  void forget();

 private:
  std::deque<std::string> keys_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<LookupSource::Answer>
      answers_;  // by number; shorter than keys_ before they are asked
  std::size_t bytes_ = 0;
  bool refusals_ = false;
  bool several_ = false;
};

}  // namespace leat::runtime
