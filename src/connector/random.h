#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace leat::connector {

/// Repeatable random numbers for one record: a function of seed and record number alone
/// (SplitMix64, Steele et al., OOPSLA 2014). Not for secrets.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t number)
      : base_(mix(seed ^ mix(number + 0x632be59bd9b4e019))), state_(base_) {}

  static std::uint64_t mix(std::uint64_t bits) {
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return bits ^ bits >> 31;
  }

  /// Begins the numbers of another lane of the same record.
  void restart(unsigned lane) { state_ = mix(base_ + lane * step); }

  std::uint64_t next() { return mix(state_ += step); }
  /// Passes over so many numbers.
  void skip(std::uint64_t count) { state_ += count * step; }

  /// Evenly from 0 to `bound` - 1; `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(next()) * bound >> 64);
  }

  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15;

  std::uint64_t base_;
  std::uint64_t state_;
};

/// The seed that a text stands for: any text is one, and short ones give distant seeds (FNV-1a,
/// mixed).
inline std::uint64_t seed_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return Random::mix(hash);
}

}  // namespace leat::connector
