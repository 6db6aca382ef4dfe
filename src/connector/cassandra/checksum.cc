#include "connector/cassandra/checksum.h"

#include <zlib.h>

namespace leat::connector::cql {

std::uint32_t crc24(std::string_view bytes) {
  constexpr std::uint32_t initial = 0x875060, polynomial = 0x1974F0B, overflow = 0x1000000;
  std::uint32_t crc = initial;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<std::uint8_t>(byte)) << 16;
    for (int bit = 0; bit < 8; ++bit) {
      crc <<= 1;
      if ((crc & overflow) != 0) crc ^= polynomial;
    }
  }
  return crc;
}

std::uint32_t payload_crc32(std::string_view bytes) {
  constexpr unsigned char prefix[] = {0xFA, 0x2D, 0x55, 0xCA};
  static const uLong seeded = crc32(crc32(0, nullptr, 0), prefix, sizeof prefix);
  return static_cast<std::uint32_t>(
      crc32_z(seeded, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace leat::connector::cql
