#pragma once

#include <cstdint>

#include <sodium.h>

namespace leat::runtime {

/// The id of a producer of the log that nobody else has: 63 bits by chance.
inline std::int64_t new_producer_id() {
  std::uint64_t id = 0;
  ::randombytes_buf(&id, sizeof id);
  return static_cast<std::int64_t>(id >> 1);
}

}  // namespace leat::runtime
