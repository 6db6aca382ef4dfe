#pragma once

#include <cstdint>
#include <optional>

#include "format/parse_number.h"

namespace leat::connector::mongodb {

/// IEEE 754-2008 decimal, binary integer encoding, as BSON has it.
struct Decimal128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// `coefficient` / 10^`scale`. Nothing: it has more than the 34 digits that there is room for.
inline std::optional<Decimal128> decimal128_of(format::Int128 coefficient, unsigned scale) {
  constexpr std::uint64_t ten_to_17 = 100'000'000'000'000'000;
  constexpr format::Uint128 coefficient_end = static_cast<format::Uint128>(ten_to_17) * ten_to_17;
  constexpr std::uint64_t exponent_bias = 6176;
  constexpr unsigned exponent_shift = 49;
  const bool negative = coefficient < 0;
  const format::Uint128 magnitude = negative ? -static_cast<format::Uint128>(coefficient)
                                             : static_cast<format::Uint128>(coefficient);
  if (magnitude >= coefficient_end) return std::nullopt;
  return Decimal128{.low = static_cast<std::uint64_t>(magnitude),
                    .high = static_cast<std::uint64_t>(magnitude >> 64) |
                            (exponent_bias - scale) << exponent_shift |
                            static_cast<std::uint64_t>(negative) << 63};
}

}  // namespace leat::connector::mongodb
