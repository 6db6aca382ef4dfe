#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace leat::connector::postgresql {

/// The protocol's integers: most significant byte first.
inline std::uint16_t swapped(std::uint16_t value) { return __builtin_bswap16(value); }
inline std::uint32_t swapped(std::uint32_t value) { return __builtin_bswap32(value); }
inline std::uint64_t swapped(std::uint64_t value) { return __builtin_bswap64(value); }

static_assert(std::endian::native == std::endian::little);

template <class Unsigned>
void append_integer(Unsigned value, std::string& out) {
  const Unsigned bytes = swapped(value);
  out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

/// `text` has at least as many bytes.
template <class Unsigned>
Unsigned read_integer(std::string_view text) {
  Unsigned bytes;
  std::memcpy(&bytes, text.data(), sizeof bytes);
  return swapped(bytes);
}

}  // namespace leat::connector::postgresql
