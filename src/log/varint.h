#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat::log {

/// Zigzag base-128 numbers as Kafka records hold them.

inline constexpr std::size_t varint_bytes_max = 10;

inline char* put_varint(char* out, std::int64_t value) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  while (bits >= 0x80) {
    *out++ = static_cast<char>(bits | 0x80);
    bits >>= 7;
  }
  *out++ = static_cast<char>(bits);
  return out;
}

inline std::size_t varint_size(std::int64_t value) {
  const auto bits =
      (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  return static_cast<std::size_t>((64 - __builtin_clzll(bits | 1) + 6) / 7);
}

/// Takes one number off the front. False when the bytes end early or go beyond 64 bits.
inline bool take_varint(const char*& at, const char* end, std::int64_t& value) {
  std::uint64_t bits = 0;
  for (int shift = 0; shift < 64 && at != end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    bits |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) return false;
      value = static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
      return true;
    }
  }
  return false;
}

}  // namespace leat::log
