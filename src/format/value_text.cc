#include "format/value_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "format/encoder.h"
#include "format/parse_number.h"

namespace leat::format {
namespace {

template <class Number>
void append_number(Number value, std::string& out) {
  char text[64];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  out.append(text, result.ptr);
}

void append_wide(Uint128 magnitude, bool negative, std::string& out) {
  char text[48];
  char* const end = text + sizeof(text);
  char* at = end;
  do {
    *--at = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  } while (magnitude != 0);
  if (negative) *--at = '-';
  out.append(at, end);
}

void append_signed(Int128 value, std::string& out) {
  append_wide(value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value), value < 0,
              out);
}

void append_decimal(Int128 value, unsigned scale, std::string& out) {
  if (value < 0) out += '-';
  const Uint128 magnitude = value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  const std::size_t begin = out.size();
  append_wide(magnitude, false, out);
  if (scale == 0) return;
  const std::size_t digits = out.size() - begin;
  if (digits <= scale) out.insert(begin, scale + 1 - digits, '0');
  out.insert(out.size() - scale, 1, '.');
}

/// `value` in exactly `digits` digits.
char* put_digits(std::uint64_t value, unsigned digits, char* out) {
  for (unsigned i = digits; i > 0; --i) {
    out[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

/// YYYY-MM-DD of the Gregorian calendar; years outside of 0…9999 with a sign, as ISO 8601 has them.
char* put_date(std::int64_t days, char* out) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<std::uint64_t>(days - era * 146'097);
  const std::uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::int64_t year = static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2);
  if (year >= 0 && year <= 9999) {
    out = put_digits(static_cast<std::uint64_t>(year), 4, out);
  } else {
    *out++ = year < 0 ? '-' : '+';
    out = put_digits(static_cast<std::uint64_t>(year < 0 ? -year : year), 6, out);
  }
  *out++ = '-';
  out = put_digits(month, 2, out);
  *out++ = '-';
  return put_digits(day, 2, out);
}

/// HH:MM:SS and the fraction, of which `digits` are there: cut to `digits_min`, or to a multiple of
/// three that loses nothing.
char* put_clock(std::uint64_t units, unsigned digits, unsigned digits_min, char* out) {
  std::uint64_t per_second = 1;
  for (unsigned i = 0; i < digits; ++i) per_second *= 10;
  std::uint64_t fraction = units % per_second;
  const std::uint64_t seconds = units / per_second;
  out = put_digits(seconds / 3600, 2, out);
  *out++ = ':';
  out = put_digits(seconds / 60 % 60, 2, out);
  *out++ = ':';
  out = put_digits(seconds % 60, 2, out);
  while (digits > digits_min && fraction % 1000 == 0) {
    fraction /= 1000;
    digits -= 3;
  }
  if (digits == 0) return out;
  *out++ = '.';
  return put_digits(fraction, digits, out);
}

/// A timestamp of so many fraction digits, in UTC.
void append_timestamp(std::int64_t value, unsigned digits, std::string& out) {
  constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();
  if (value == infinite || value == -infinite) {
    out += value < 0 ? "-infinity" : "infinity";
    return;
  }
  std::int64_t per_day = 86'400;
  for (unsigned i = 0; i < digits; ++i) per_day *= 10;
  std::int64_t rest = value % per_day;
  std::int64_t days = value / per_day;
  if (rest < 0) {
    rest += per_day;
    --days;
  }
  // A whole second has three digits too, so that all rows look alike.
  if (digits == 0) {
    rest *= 1000;
    digits = 3;
  }
  char text[64];
  char* at = put_date(days, text);
  *at++ = 'T';
  at = put_clock(static_cast<std::uint64_t>(rest), digits, 3, at);
  *at++ = 'Z';
  out.append(text, at);
}

void append_date(std::int32_t days, std::string& out) {
  constexpr std::int32_t infinite = std::numeric_limits<std::int32_t>::max();
  if (days == infinite || days == -infinite) {
    out += days < 0 ? "-infinity" : "infinity";
    return;
  }
  char text[32];
  out.append(text, put_date(days, text));
}

void append_time(std::int64_t value, unsigned digits, std::string& out) {
  char text[32];
  out.append(text, put_clock(static_cast<std::uint64_t>(value), digits, 0, text));
}

void append_time_tz(std::uint64_t bits, std::string& out) {
  // 40 bits of microseconds, then how far below 15:59:59 the offset is.
  append_time(static_cast<std::int64_t>(bits >> 24), 6, out);
  const std::int64_t offset = 57'599 - static_cast<std::int64_t>(bits & 0xFFFFFF);
  const auto seconds = static_cast<std::uint64_t>(offset < 0 ? -offset : offset);
  char text[16];
  char* at = text;
  *at++ = offset < 0 ? '-' : '+';
  at = put_digits(seconds / 3600, 2, at);
  *at++ = ':';
  at = put_digits(seconds / 60 % 60, 2, at);
  out.append(text, at);
}

/// ISO 8601: P1M2DT3.5S.
void append_interval(const duckdb_interval& interval, std::string& out) {
  out += 'P';
  if (interval.months != 0) fmt::format_to(std::back_inserter(out), "{}M", interval.months);
  if (interval.days != 0) fmt::format_to(std::back_inserter(out), "{}D", interval.days);
  if (interval.micros != 0 || out.back() == 'P') {
    out += 'T';
    append_decimal(interval.micros, 6, out);
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
    out += 'S';
  }
}

void append_uuid(Uint128 bits, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  bits ^= Uint128{1} << 127;
  char text[36];
  char* at = text;
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) *at++ = '-';
    *at++ = digits[static_cast<std::size_t>(bits >> (124 - 4 * i)) & 0xF];
  }
  out.append(text, at);
}

/// The first byte says how many bits at the front of the second are none of the value.
void append_bits(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  const auto padding = static_cast<unsigned char>(bytes[0]);
  for (std::size_t i = 8 + padding; i < bytes.size() * 8; ++i) {
    out += ((static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8)) & 1) != 0 ? '1' : '0';
  }
}

/// Three bytes of header, whose highest bit is set for a positive number, then the magnitude,
/// big-endian; all bits are inverted in a negative one.
void append_bignum(std::string_view bytes, std::string& out) {
  constexpr std::size_t header_bytes = 3;
  if (bytes.size() <= header_bytes) return;
  const bool negative = (bytes[0] & 0x80) == 0;
  std::string magnitude(bytes.substr(header_bytes));
  if (negative) {
    for (char& byte : magnitude) byte = static_cast<char>(~byte);
  }
  std::string reversed;
  while (!magnitude.empty()) {
    unsigned rest = 0;
    for (char& byte : magnitude) {
      rest = rest << 8 | static_cast<unsigned char>(byte);
      byte = static_cast<char>(rest / 10);
      rest %= 10;
    }
    reversed += static_cast<char>('0' + rest);
    magnitude.erase(0, std::min(magnitude.find_first_not_of('\0'), magnitude.size()));
  }
  if (negative) out += '-';
  out.append(reversed.rbegin(), reversed.rend());
}

template <class Float>
void append_float(Float value, std::string& out) {
  if (std::isfinite(value)) return append_number(value, out);
  out += std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
}

Int128 decimal_of(const VectorReader& reader, std::size_t row) {
  switch (reader.shape().width) {
    case 2:
      return reader.value<std::int16_t>(row);
    case 4:
      return reader.value<std::int32_t>(row);
    case 8:
      return reader.value<std::int64_t>(row);
    default:
      return reader.value<Int128>(row);
  }
}

}  // namespace

bool is_quoted_in_json(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
      return false;
    default:
      return true;
  }
}

bool is_finite(const VectorReader& reader, std::size_t row) {
  switch (reader.shape().id) {
    case DUCKDB_TYPE_DOUBLE:
      return std::isfinite(reader.value<double>(row));
    case DUCKDB_TYPE_FLOAT:
      return std::isfinite(reader.value<float>(row));
    default:
      return true;
  }
}

void append_scalar(const VectorReader& reader, std::size_t row, unsigned scale, std::string& out) {
  switch (reader.shape().id) {
    case DUCKDB_TYPE_BOOLEAN:
      out += reader.value<bool>(row) ? "true" : "false";
      return;
    case DUCKDB_TYPE_TINYINT:
      return append_number(reader.value<std::int8_t>(row), out);
    case DUCKDB_TYPE_SMALLINT:
      return append_number(reader.value<std::int16_t>(row), out);
    case DUCKDB_TYPE_INTEGER:
      return append_number(reader.value<std::int32_t>(row), out);
    case DUCKDB_TYPE_BIGINT:
      return append_number(reader.value<std::int64_t>(row), out);
    case DUCKDB_TYPE_UTINYINT:
      return append_number(reader.value<std::uint8_t>(row), out);
    case DUCKDB_TYPE_USMALLINT:
      return append_number(reader.value<std::uint16_t>(row), out);
    case DUCKDB_TYPE_UINTEGER:
      return append_number(reader.value<std::uint32_t>(row), out);
    case DUCKDB_TYPE_UBIGINT:
      return append_number(reader.value<std::uint64_t>(row), out);
    case DUCKDB_TYPE_HUGEINT:
      return append_signed(reader.value<Int128>(row), out);
    case DUCKDB_TYPE_UHUGEINT:
      return append_wide(reader.value<Uint128>(row), false, out);
    case DUCKDB_TYPE_FLOAT:
      return append_float(reader.value<float>(row), out);
    case DUCKDB_TYPE_DOUBLE:
      return append_float(reader.value<double>(row), out);
    case DUCKDB_TYPE_DECIMAL:
      return append_decimal(decimal_of(reader, row), scale, out);
    case DUCKDB_TYPE_DATE:
      return append_date(reader.value<std::int32_t>(row), out);
    case DUCKDB_TYPE_TIME:
      return append_time(reader.value<std::int64_t>(row), 6, out);
    case DUCKDB_TYPE_TIME_NS:
      return append_time(reader.value<std::int64_t>(row), 9, out);
    case DUCKDB_TYPE_TIME_TZ:
      return append_time_tz(reader.value<std::uint64_t>(row), out);
    case DUCKDB_TYPE_TIMESTAMP_S:
      return append_timestamp(reader.value<std::int64_t>(row), 0, out);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return append_timestamp(reader.value<std::int64_t>(row), 3, out);
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return append_timestamp(reader.value<std::int64_t>(row), 9, out);
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return append_timestamp(reader.value<std::int64_t>(row), 6, out);
    case DUCKDB_TYPE_INTERVAL:
      return append_interval(reader.value<duckdb_interval>(row), out);
    case DUCKDB_TYPE_UUID:
      return append_uuid(reader.value<Uint128>(row), out);
    case DUCKDB_TYPE_BIT:
      return append_bits(reader.text(row), out);
    case DUCKDB_TYPE_BIGNUM:
      return append_bignum(reader.text(row), out);
    default:
      return append_base64(reader.text(row), out);
  }
}

}  // namespace leat::format
