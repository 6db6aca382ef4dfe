#pragma once

#include <cstdint>
#include <string_view>

namespace leat {

/// CRC-32C (Castagnoli), as in Kafka record batches. `crc` is that of the bytes before, to go on.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// The same without the processor's instruction; what machines without SSE4.2 use.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace leat
