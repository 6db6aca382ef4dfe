#pragma once

#include <cstdint>
#include <string_view>

namespace leat::connector::cql {

/// Of a segment's header, in the low 24 bits.
std::uint32_t crc24(std::string_view bytes);
/// Of a segment's payload.
std::uint32_t payload_crc32(std::string_view bytes);

}  // namespace leat::connector::cql
