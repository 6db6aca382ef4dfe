#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace leat::state {

/// Two 64-bit numbers multiplied to 128 bits, the halves folded together: every input bit reaches
/// every output bit.
inline std::uint64_t fold_multiply(std::uint64_t left, std::uint64_t right) {
  const auto product = static_cast<unsigned __int128>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load_u64(const char* bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// A 64-bit hash of bytes, all of whose bits are usable. Stored estimates of distinct counts depend
/// on it: another function would be another format of the store.
inline std::uint64_t hash_bytes(std::string_view bytes) {
  constexpr std::uint64_t first = 0x9E3779B97F4A7C15;   // 2^64 / golden ratio
  constexpr std::uint64_t second = 0xC2B2AE3D27D4EB4F;  // an odd number with mixed bits
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = first ^ fold_multiply(left + 1, second);
  while (left > 16) {
    hash = fold_multiply(hash ^ load_u64(at), second ^ load_u64(at + 8));
    at += 16;
    left -= 16;
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {  // the two reads may overlap: the length is part of the hash
    low = load_u64(at);
    high = load_u64(at + left - 8);
  } else if (left >= 4) {
    std::uint32_t begin, end;
    std::memcpy(&begin, at, 4);
    std::memcpy(&end, at + left - 4, 4);
    low = begin;
    high = end;
  } else if (left > 0) {
    low = static_cast<unsigned char>(at[0]);
    high = (std::uint64_t{static_cast<unsigned char>(at[left / 2])} << 8) |
           static_cast<unsigned char>(at[left - 1]);
  }
  return fold_multiply(fold_multiply(hash ^ low, second ^ high), first);
}

}  // namespace leat::state
