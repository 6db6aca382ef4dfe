// How one value of fixed width becomes bytes that sort as the value does (docs/formats/rows.md),
// and back. Each coding has `size` bytes in the key.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>

#include <duckdb.h>

#include "base/check.h"
#include "model/vector_shape.h"

namespace leat::key_coding {

template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(const T& value, char* to) {
  std::memcpy(to, &value, sizeof(T));
}

template <std::unsigned_integral Bits>
Bits big_endian(Bits bits) {
  if constexpr (sizeof(Bits) == 2) return __builtin_bswap16(bits);
  if constexpr (sizeof(Bits) == 4) return __builtin_bswap32(bits);
  if constexpr (sizeof(Bits) == 8) return __builtin_bswap64(bits);
  return bits;
}

template <std::unsigned_integral Bits>
inline constexpr Bits sign_bit = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));

template <std::unsigned_integral Bits>
struct Unsigned {
  static constexpr std::size_t size = sizeof(Bits);
  static void put(const char* value, char* out) { store(big_endian(load<Bits>(value)), out); }
  static void get(const char* in, char* value) { store(big_endian(load<Bits>(in)), value); }
};

template <std::unsigned_integral Bits>
struct Signed {
  static constexpr std::size_t size = sizeof(Bits);
  static void put(const char* value, char* out) {
    store(big_endian(static_cast<Bits>(load<Bits>(value) ^ sign_bit<Bits>)), out);
  }
  static void get(const char* in, char* value) {
    store(static_cast<Bits>(big_endian(load<Bits>(in)) ^ sign_bit<Bits>), value);
  }
};

template <std::floating_point Float, std::unsigned_integral Bits>
struct Floating {
  static constexpr std::size_t size = sizeof(Bits);
  static void put(const char* value, char* out) {
    auto number = load<Float>(value);
    if (number == 0) number = 0;  // -0.0
    if (std::isnan(number)) number = std::numeric_limits<Float>::quiet_NaN();
    const Bits bits = std::bit_cast<Bits>(number);
    store(big_endian((bits & sign_bit<Bits>) != 0 ? ~bits : bits | sign_bit<Bits>), out);
  }
  static void get(const char* in, char* value) {
    const Bits bits = big_endian(load<Bits>(in));
    store((bits & sign_bit<Bits>) != 0 ? bits ^ sign_bit<Bits> : ~bits, value);
  }
};

/// 16 bytes in the vector: the lower half, then the upper one.
template <bool is_signed>
struct Wide {
  static constexpr std::size_t size = 16;
  static constexpr std::uint64_t flip = is_signed ? sign_bit<std::uint64_t> : 0;
  static void put(const char* value, char* out) {
    store(big_endian(load<std::uint64_t>(value + 8) ^ flip), out);
    store(big_endian(load<std::uint64_t>(value)), out + 8);
  }
  static void get(const char* in, char* value) {
    store(big_endian(load<std::uint64_t>(in + 8)), value);
    store(big_endian(load<std::uint64_t>(in)) ^ flip, value + 8);
  }
};

/// As DuckDB compares intervals: whole days are carried out of the time into the days, then whole
/// months (of 30 days) out of the days; what is left keeps its sign.
struct Interval {
  static constexpr std::size_t size = 16;
  static constexpr std::int64_t month_days = 30;
  static constexpr std::int64_t day_us = 86'400'000'000;
  /// A day's microseconds and their sign fit below: days and time sort as one number.
  static constexpr std::int64_t day_step = std::int64_t{1} << 40;

  static void put(const char* value, char* out) {
    const auto interval = load<duckdb_interval>(value);
    const std::int64_t days = interval.days + interval.micros / day_us;
    const std::int64_t months = interval.months + days / month_days;
    put_number(months, out);
    put_number(days % month_days * day_step + interval.micros % day_us, out + 8);
  }
  static void get(const char* in, char* value) {
    std::int64_t months = 0;
    std::int64_t rest = 0;
    Signed<std::uint64_t>::get(in, reinterpret_cast<char*>(&months));
    Signed<std::uint64_t>::get(in + 8, reinterpret_cast<char*>(&rest));
    const std::int64_t days = rest / day_step + (rest % day_step) / (day_step / 2);
    duckdb_interval interval{};
    interval.months = static_cast<std::int32_t>(
        std::clamp<std::int64_t>(months, std::numeric_limits<std::int32_t>::min(),
                                 std::numeric_limits<std::int32_t>::max()));
    // Damaged bytes may say anything: wrap around rather than overflow.
    const auto more_days =
        (static_cast<std::uint64_t>(months) - static_cast<std::uint64_t>(interval.months)) *
        month_days;
    interval.days = static_cast<std::int32_t>(more_days + static_cast<std::uint64_t>(days));
    interval.micros = rest - days * day_step;
    store(interval, value);
  }

 private:
  static void put_number(std::int64_t number, char* out) {
    Signed<std::uint64_t>::put(reinterpret_cast<const char*>(&number), out);
  }
};

/// A time in 40 bits, then in 24 bits how far its offset is below the greatest one: adding these
/// seconds to the time brings all to one zone.
struct TimeTz {
  static constexpr std::size_t size = 8;
  static std::uint64_t shift(std::uint64_t bits) { return ((bits & 0xFFFFFF) * 1'000'000) << 24; }
  static void put(const char* value, char* out) {
    const auto bits = load<std::uint64_t>(value);
    store(big_endian(bits + shift(bits)), out);
  }
  static void get(const char* in, char* value) {
    const std::uint64_t sorted = big_endian(load<std::uint64_t>(in));
    store(sorted - shift(sorted), value);
  }
};

/// Calls `use` with the coding of a type of fixed width.
template <class Use>
decltype(auto) with_coding(const VectorShape& shape, Use&& use) {
  switch (shape.id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_UTINYINT:
      return use(Unsigned<std::uint8_t>());
    case DUCKDB_TYPE_USMALLINT:
      return use(Unsigned<std::uint16_t>());
    case DUCKDB_TYPE_UINTEGER:
      return use(Unsigned<std::uint32_t>());
    case DUCKDB_TYPE_UBIGINT:
      return use(Unsigned<std::uint64_t>());
    case DUCKDB_TYPE_UHUGEINT:
      return use(Wide<false>());
    case DUCKDB_TYPE_FLOAT:
      return use(Floating<float, std::uint32_t>());
    case DUCKDB_TYPE_DOUBLE:
      return use(Floating<double, std::uint64_t>());
    case DUCKDB_TYPE_INTERVAL:
      return use(Interval());
    case DUCKDB_TYPE_TIME_TZ:
      return use(TimeTz());
    default:
      break;
  }
  switch (shape.width) {
    case 1:
      return use(Signed<std::uint8_t>());
    case 2:
      return use(Signed<std::uint16_t>());
    case 4:
      return use(Signed<std::uint32_t>());
    case 8:
      return use(Signed<std::uint64_t>());
    default:
      LEAT_CHECK(shape.width == 16);
      return use(Wide<true>());
  }
}

}  // namespace leat::key_coding
