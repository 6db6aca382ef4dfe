#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "operator/window_clock.h"

namespace leat::op {

/// The end of the window that a key's first column says, which is of type TIMESTAMP or TIMESTAMPTZ:
/// `width_us` after it. `key`: by KeyCodec. end_of_time where it is NULL: such a window never ends.
inline EventTimeUs window_end_of(std::string_view key, std::int64_t width_us) {
  constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
  if (key.empty() || key[0] == 0) return end_of_time;
  std::uint64_t bits;
  std::memcpy(&bits, key.data() + 1, sizeof bits);
  return add_saturated(static_cast<EventTimeUs>(__builtin_bswap64(bits) ^ sign_bit), width_us);
}

/// Bytes of a time that is not NULL in a key.
inline constexpr std::size_t window_time_bytes = 1 + sizeof(std::uint64_t);

/// Appends the time as KeyCodec writes it.
inline void append_window_time(EventTimeUs time, std::string& key) {
  constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
  const std::uint64_t bits = __builtin_bswap64(static_cast<std::uint64_t>(time) ^ sign_bit);
  key.push_back(1);
  key.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

}  // namespace leat::op
