#include "format/scalar_parser.h"

#include <algorithm>
#include <array>
#include <limits>

#include "format/utf8.h"

namespace leat::format {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_seconds = 86'400;

template <class Number>
void limits_of(std::int64_t& min, std::int64_t& max) {
  min = static_cast<std::int64_t>(std::numeric_limits<Number>::min());
  max = static_cast<std::int64_t>(std::numeric_limits<Number>::max());
}

/// False: no integer that fits 64 signed bits.
bool integer_limits(duckdb_type id, std::int64_t& min, std::int64_t& max) {
  switch (id) {
    case DUCKDB_TYPE_TINYINT:
      limits_of<std::int8_t>(min, max);
      return true;
    case DUCKDB_TYPE_SMALLINT:
      limits_of<std::int16_t>(min, max);
      return true;
    case DUCKDB_TYPE_INTEGER:
      limits_of<std::int32_t>(min, max);
      return true;
    case DUCKDB_TYPE_BIGINT:
      limits_of<std::int64_t>(min, max);
      return true;
    case DUCKDB_TYPE_UTINYINT:
      limits_of<std::uint8_t>(min, max);
      return true;
    case DUCKDB_TYPE_USMALLINT:
      limits_of<std::uint16_t>(min, max);
      return true;
    case DUCKDB_TYPE_UINTEGER:
      limits_of<std::uint32_t>(min, max);
      return true;
    default:
      return false;
  }
}

constexpr unsigned unit_unknown = 100;

unsigned scale_of_unit(std::string_view unit) {
  if (unit == "s") return 9;
  if (unit == "ms") return 6;
  if (unit == "us") return 3;
  return unit == "ns" ? 0 : unit_unknown;
}

constexpr std::uint8_t not_hex = 0xFF;

constexpr auto hex_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(not_hex);
  for (std::uint8_t i = 0; i < 10; ++i) values[static_cast<unsigned>('0') + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) {
    values[static_cast<unsigned>('a') + i] = values[static_cast<unsigned>('A') + i] =
        static_cast<std::uint8_t>(10 + i);
  }
  return values;
}();

constexpr auto base64_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(not_hex);
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values['-'] = 62;
  values['_'] = 63;
  return values;
}();

template <class Part>
Part low_part(Int128 value) {
  return static_cast<Part>(value);
}

}  // namespace

ScalarParser::ScalarParser(const Type& type, std::string_view time_unit)
    : type_(type), id_(type.id()), width_(VectorShape::of(type).width) {
  is_small_integer_ = integer_limits(id_, min_, max_);
  has_unit_ = type.is_temporal() && !time_unit.empty();
  if (has_unit_) unit_scale_ = scale_of_unit(time_unit);
  takes_numbers_ = type.is_numeric() || has_unit_;
}

bool ScalarParser::supports(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_UUID:
      return true;
    case DUCKDB_TYPE_TIME_TZ:
      return false;
    default:
      return type.is_numeric() || type.is_temporal();
  }
}

bool ScalarParser::knows_unit(std::string_view time_unit) {
  return scale_of_unit(time_unit) != unit_unknown;
}

bool ScalarParser::small_integer(std::string_view text, VectorWriter& out, std::size_t row) const {
  // 18 digits fit; anything unusual goes the long way.
  constexpr std::size_t digits_max = 18;
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  at += negative;
  const auto digits = static_cast<std::size_t>(end - at);
  if (digits == 0 || digits > digits_max || (*at == '0' && digits > 1)) return false;
  std::int64_t value = 0;
  for (; at != end; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  if (negative) value = -value;
  if (value < min_ || value > max_) return false;
  store_integer(value, out, row);
  return true;
}

void ScalarParser::store_integer(std::int64_t value, VectorWriter& out, std::size_t row) const {
  switch (width_) {
    case 1:
      return out.set(row, static_cast<std::int8_t>(value));
    case 2:
      return out.set(row, static_cast<std::int16_t>(value));
    case 4:
      return out.set(row, static_cast<std::int32_t>(value));
    default:
      return out.set(row, value);
  }
}

ParseFault ScalarParser::any_number(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                                    std::size_t row) const {
  ParseFault fault = ParseFault::none;
  if (is_small_integer_) {
    std::int64_t value = 0;
    fault = parse_integer(text, grammar, min_, max_, value);
    if (fault == ParseFault::none) store_integer(value, out, row);
    return fault;
  }
  switch (id_) {
    case DUCKDB_TYPE_DOUBLE: {
      double value = 0;
      fault = parse_double(text, grammar, value);
      if (fault == ParseFault::none) out.set(row, value);
      return fault;
    }
    case DUCKDB_TYPE_FLOAT: {
      float value = 0;
      fault = parse_float(text, grammar, value);
      if (fault == ParseFault::none) out.set(row, value);
      return fault;
    }
    case DUCKDB_TYPE_DECIMAL:
      return decimal(text, grammar, out, row);
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return wide_integer(text, grammar, out, row);
    default:
      if (!type_.is_temporal()) return ParseFault::malformed;
      return has_unit_ ? epoch(text, grammar, out, row) : ParseFault::needs_unit;
  }
}

ParseFault ScalarParser::decimal(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                                 std::size_t row) const {
  Int128 value = 0;
  const ParseFault fault =
      parse_decimal(text, grammar, type_.decimal_width(), type_.decimal_scale(), value);
  if (fault != ParseFault::none) return fault;
  if (width_ == 16) {
    out.set(row, value);
  } else {
    store_integer(low_part<std::int64_t>(value), out, row);
  }
  return fault;
}

ParseFault ScalarParser::wide_integer(std::string_view text, NumberGrammar grammar,
                                      VectorWriter& out, std::size_t row) const {
  if (id_ == DUCKDB_TYPE_HUGEINT) {
    Int128 value = 0;
    const ParseFault fault = parse_hugeint(text, grammar, value);
    if (fault == ParseFault::none) out.set(row, value);
    return fault;
  }
  const bool is_64 = id_ == DUCKDB_TYPE_UBIGINT;
  Uint128 value = 0;
  const ParseFault fault = parse_unsigned(
      text, grammar, is_64 ? std::numeric_limits<std::uint64_t>::max() : ~Uint128{0}, value);
  if (fault != ParseFault::none) return fault;
  if (is_64) {
    out.set(row, static_cast<std::uint64_t>(value));
  } else {
    out.set(row, value);
  }
  return fault;
}

ParseFault ScalarParser::epoch(std::string_view text, NumberGrammar grammar, VectorWriter& out,
                               std::size_t row) const {
  NumberText number;
  if (!scan_number(text, grammar, number)) return ParseFault::malformed;
  Uint128 magnitude = 0;
  const ParseFault fault = scaled_magnitude(number, unit_scale_, true, magnitude);
  // More seconds than 64 bits hold is no date in any type.
  if (fault != ParseFault::none || magnitude > (Uint128{1} << 92)) return ParseFault::out_of_range;
  auto ns = static_cast<Int128>(magnitude);
  if (number.negative) ns = -ns;
  if (!number.negative && magnitude <= std::uint64_t{INT64_MAX}) {
    // Until the year 2262: a division of 64 bits by a constant, where one of 128 is a call.
    const auto narrow = static_cast<std::uint64_t>(magnitude);
    constexpr auto second = static_cast<std::uint64_t>(second_ns);
    return store_time(
        {static_cast<std::int64_t>(narrow / second), static_cast<std::uint32_t>(narrow % second)},
        out, row);
  }
  Int128 seconds = ns / second_ns;
  Int128 rest = ns % second_ns;
  if (rest < 0) {
    rest += second_ns;
    --seconds;
  }
  return store_time({low_part<std::int64_t>(seconds), low_part<std::uint32_t>(rest)}, out, row);
}

ParseFault ScalarParser::store_time(TimePoint time, VectorWriter& out, std::size_t row) const {
  const auto store = [&](Int128 value, Int128 max) {
    if (value > max || value < -max) return ParseFault::out_of_range;
    if (width_ == 4) {
      out.set(row, low_part<std::int32_t>(value));
    } else {
      out.set(row, low_part<std::int64_t>(value));
    }
    return ParseFault::none;
  };
  // One below the greatest, which DuckDB keeps for infinity.
  constexpr Int128 max_64 = std::numeric_limits<std::int64_t>::max() - 1;
  constexpr Int128 max_32 = std::numeric_limits<std::int32_t>::max() - 1;
  const Int128 seconds = time.seconds;
  const bool in_day = seconds >= 0 && seconds < day_seconds;
  switch (id_) {
    case DUCKDB_TYPE_DATE: {
      const std::int64_t days = time.seconds / day_seconds - (time.seconds % day_seconds < 0);
      return store(days, max_32);
    }
    case DUCKDB_TYPE_TIMESTAMP_S:
      return store(seconds, max_64);
    case DUCKDB_TYPE_TIMESTAMP_MS:
      return store(seconds * 1000 + time.nanoseconds / 1'000'000, max_64);
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return store(seconds * second_ns + time.nanoseconds, max_64);
    case DUCKDB_TYPE_TIME:
      if (!in_day) return ParseFault::out_of_range;
      return store(seconds * 1'000'000 + time.nanoseconds / 1000, max_64);
    case DUCKDB_TYPE_TIME_NS:
      if (!in_day) return ParseFault::out_of_range;
      return store(seconds * second_ns + time.nanoseconds, max_64);
    default:
      return store(seconds * 1'000'000 + time.nanoseconds / 1000, max_64);
  }
}

void ScalarParser::timestamp_ms(std::int64_t value, VectorWriter& out, std::size_t row) const {
  if (is_small_integer_ || id_ == DUCKDB_TYPE_UBIGINT) return store_integer(value, out, row);
  std::int64_t rest = value % 1000;
  if (rest < 0) rest += 1000;
  const TimePoint time{(value - rest) / 1000, static_cast<std::uint32_t>(rest * 1'000'000)};
  if (store_time(time, out, row) != ParseFault::none) out.set_null(row);
}

ParseFault ScalarParser::text(std::string_view text, TextArena& arena, VectorWriter& out,
                              std::size_t row) const {
  ParseFault fault = ParseFault::none;
  switch (id_) {
    case DUCKDB_TYPE_VARCHAR:
      out.point_at_text(row, text);
      return fault;
    case DUCKDB_TYPE_BOOLEAN: {
      bool value = false;
      fault = parse_boolean(text, value);
      if (fault == ParseFault::none) out.set(row, value);
      return fault;
    }
    case DUCKDB_TYPE_UUID: {
      Uint128 value = 0;
      fault = parse_uuid(text, value);
      // DuckDB sorts UUIDs as signed numbers: the highest bit is kept flipped.
      if (fault == ParseFault::none) out.set(row, value ^ (Uint128{1} << 127));
      return fault;
    }
    case DUCKDB_TYPE_BLOB: {
      const std::size_t room = text.size() / 4 * 3 + 3;
      char* const bytes = arena.allocate(room);
      std::size_t written = 0;
      fault = parse_base64(text, bytes, written);
      arena.give_back(room - written);
      if (fault == ParseFault::none) out.point_at_text(row, {bytes, written});
      return fault;
    }
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_NS: {
      if (has_unit_) return number(text, NumberGrammar::lenient, out, row);
      TimePoint time;
      fault = parse_time_of_day(text, time);
      return fault == ParseFault::none ? store_time(time, out, row) : fault;
    }
    default:
      break;
  }
  if (takes_numbers_) return number(text, NumberGrammar::lenient, out, row);
  TimePoint time;
  fault = parse_timestamp(text, time);
  return fault == ParseFault::none ? store_time(time, out, row) : fault;
}

std::string ScalarParser::reason(ParseFault fault, std::string_view text) const {
  const std::string shown = excerpt(text);
  switch (fault) {
    case ParseFault::out_of_range:
      return fmt::format("{} is out of range for {}", shown, type_.to_sql());
    case ParseFault::fraction:
      return fmt::format("{} has a fraction, and {} holds whole numbers only", shown,
                         type_.to_sql());
    case ParseFault::needs_unit:
      return fmt::format("{} is a number, and the {} column has no time unit (s, ms, us or ns)",
                         shown, type_.to_sql());
    default:
      break;
  }
  std::string_view form;
  if (has_unit_) {
    form = ": a number is wanted, of the column's time unit";
  } else if (id_ == DUCKDB_TYPE_DATE) {
    form = ": YYYY-MM-DD is wanted";
  } else if (id_ == DUCKDB_TYPE_TIME || id_ == DUCKDB_TYPE_TIME_NS) {
    form = ": HH:MM:SS with up to 9 fraction digits is wanted";
  } else if (type_.is_temporal()) {
    form = ": ISO 8601 is wanted, as 2026-01-31T23:59:59.999Z";
  } else if (id_ == DUCKDB_TYPE_BLOB) {
    form = ": base64 is wanted";
  }
  return fmt::format("\"{}\" is no {}{}", shown, type_.to_sql(), form);
}

ParseFault parse_uuid(std::string_view text, Uint128& out) {
  if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  }
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return ParseFault::malformed;
  out = 0;
  std::uint8_t bad = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (hyphens && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return ParseFault::malformed;
      continue;
    }
    const std::uint8_t value = hex_values[static_cast<unsigned char>(text[i])];
    bad |= value & 0xF0;
    out = out << 4 | (value & 0x0F);
  }
  return bad == 0 ? ParseFault::none : ParseFault::malformed;
}

ParseFault parse_boolean(std::string_view text, bool& out) {
  static constexpr std::string_view yes[] = {"true", "t", "yes", "y", "on", "1"};
  static constexpr std::string_view no[] = {"false", "f", "no", "n", "off", "0"};
  constexpr std::size_t length_max = 5;
  if (text.size() > length_max) return ParseFault::malformed;
  char lower[length_max];
  std::ranges::transform(
      text, lower, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string_view word(lower, text.size());
  out = std::ranges::find(yes, word) != std::end(yes);
  return out || std::ranges::find(no, word) != std::end(no) ? ParseFault::none
                                                            : ParseFault::malformed;
}

ParseFault parse_base64(std::string_view text, char* out, std::size_t& written) {
  written = 0;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (padding != 0 && text.size() % 4 != 0) return ParseFault::malformed;
  text.remove_suffix(padding);
  if (text.size() % 4 == 1) return ParseFault::malformed;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = base64_values[static_cast<unsigned char>(c)];
    if (value == not_hex) return ParseFault::malformed;
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[written++] = static_cast<char>(bits >> count);
    }
  }
  return ParseFault::none;
}

}  // namespace leat::format
