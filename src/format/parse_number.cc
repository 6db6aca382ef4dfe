#include "format/parse_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace leat::format {
namespace {

/// Digits that a 64-bit mantissa always holds.
constexpr int mantissa_digits_max = 19;
/// Exponents are cut off here: every number beyond is out of every type's range.
constexpr std::int64_t exponent_max = 100'000;
/// 10^22 is the greatest power of ten that a double holds exactly; 10^10 for a float.
constexpr std::array<double, 23> powers_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t double_whole_max = std::uint64_t{1} << 53;
constexpr auto whole_powers_of_ten = [] {
  std::array<std::uint64_t, 20> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// Eight characters, the first in the lowest byte: whether each is a digit, and the number that
/// they are then. Pairs are added up, then fours, then all (D. Lemire, "Quickly parsing eight
/// digits").
bool are_digits(std::uint64_t eight) {
  constexpr std::uint64_t high = 0xF0F0F0F0F0F0F0F0;
  // '0' to '9' are 0x30 to 0x39: six more leave the high half as it is.
  const std::uint64_t beyond = (eight + 0x0606060606060606) & high;
  return (eight & high) == 0x3030303030303030 && beyond == 0x3030303030303030;
}
std::uint64_t number_of(std::uint64_t eight) {
  const std::uint64_t digits = eight - 0x3030303030303030;
  const std::uint64_t pairs = digits * 10 + (digits >> 8);  // in each second byte
  constexpr std::uint64_t of_two = 0x000000FF000000FF;
  constexpr std::uint64_t first_and_third = 100 + (std::uint64_t{1'000'000} << 32);
  constexpr std::uint64_t second_and_fourth = 1 + (std::uint64_t{10'000} << 32);
  return ((pairs & of_two) * first_and_third + ((pairs >> 16) & of_two) * second_and_fourth) >> 32;
}

/// Takes digits into the number; returns how many there were.
std::size_t take_digits(const char*& at, const char* end, int& significant, NumberText& out) {
  const char* const begin = at;
  if (end - begin + significant <= mantissa_digits_max) {
    // All that can come fits: nothing but the digits themselves needs a look.
    for (std::uint64_t eight = 0; end - at >= 8; at += 8) {
      std::memcpy(&eight, at, 8);
      if (!are_digits(eight)) break;
      out.mantissa = out.mantissa * 100'000'000 + number_of(eight);
    }
    for (; at != end && is_digit(*at); ++at) {
      out.mantissa = out.mantissa * 10 + static_cast<unsigned>(*at - '0');
    }
    if (out.mantissa != 0) significant += static_cast<int>(at - begin);
    return static_cast<std::size_t>(at - begin);
  }
  for (; at != end && is_digit(*at); ++at) {
    if (significant < mantissa_digits_max) {
      out.mantissa = out.mantissa * 10 + static_cast<unsigned>(*at - '0');
      significant += out.mantissa != 0;
    } else {
      out.exact = false;
    }
  }
  return static_cast<std::size_t>(at - begin);
}

bool take_exponent(const char*& at, const char* end, NumberText& out) {
  bool minus = false;
  if (at != end && (*at == '+' || *at == '-')) minus = *at++ == '-';
  if (at == end || !is_digit(*at)) return false;
  std::int64_t exponent = 0;
  for (; at != end && is_digit(*at); ++at) {
    exponent = std::min(exponent * 10 + (*at - '0'), exponent_max);
  }
  out.exponent += minus ? -exponent : exponent;
  return true;
}

bool is_special(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
}

/// "nan", "inf" and "infinity" with a sign or without.
template <class Float>
bool parse_special(std::string_view text, Float& out) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (is_special(text, "nan")) {
    out = std::numeric_limits<Float>::quiet_NaN();
  } else if (is_special(text, "inf") || is_special(text, "infinity")) {
    out =
        negative ? -std::numeric_limits<Float>::infinity() : std::numeric_limits<Float>::infinity();
  } else {
    return false;
  }
  return true;
}

template <class Float>
ParseFault parse_exactly(const NumberText& number, Float& out) {
  std::string_view text = number.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) {
    // Too small to be told from zero is zero; the digits before the point decide which it was.
    const auto point = static_cast<std::int64_t>(
        std::ranges::count_if(text.substr(0, text.find_first_of("eE")), is_digit));
    if (number.mantissa != 0 && number.exponent + point > 0) return ParseFault::out_of_range;
    out = number.negative ? Float{-0.0} : Float{0};
    return ParseFault::none;
  }
  return error == std::errc() && end == text.data() + text.size() ? ParseFault::none
                                                                  : ParseFault::malformed;
}

}  // namespace

bool scan_number(std::string_view text, NumberGrammar grammar, NumberText& out) {
  out = NumberText{.text = text};
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool json = grammar == NumberGrammar::json;
  if (at != end && (*at == '-' || (*at == '+' && !json))) out.negative = *at++ == '-';
  int significant = 0;
  const char* const first = at;
  const std::size_t before = take_digits(at, end, significant, out);
  if (json && (before == 0 || (before > 1 && *first == '0'))) return false;
  std::size_t after = 0;
  if (at != end && *at == '.') {
    ++at;
    out.whole = false;
    after = take_digits(at, end, significant, out);
    if (json && after == 0) return false;
  }
  if (before + after == 0) return false;
  out.exponent = -static_cast<std::int64_t>(after);
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    out.whole = false;
    if (!take_exponent(at, end, out)) return false;
  }
  return at == end;
}

ParseFault scaled_magnitude(const NumberText& number, unsigned scale, bool round, Uint128& out) {
  constexpr Uint128 all_max = ~Uint128{0};
  out = 0;
  if (number.exact && number.mantissa == 0) return ParseFault::none;
  const std::int64_t power = number.exponent + static_cast<std::int64_t>(scale);
  if (number.exact && power >= 0 && power < static_cast<std::int64_t>(whole_powers_of_ten.size())) {
    // 64 bits by 64 bits: can't overflow, and there is nothing to round.
    out = Uint128{number.mantissa} * whole_powers_of_ten[static_cast<std::size_t>(power)];
    return ParseFault::none;
  }
  // Digits from the left, as many as stand before the scaled point.
  const std::string_view digits = number.text.substr(0, number.text.find_first_of("eE"));
  auto count = static_cast<std::int64_t>(std::ranges::count_if(digits, is_digit));
  std::int64_t wanted = count + number.exponent + scale;
  bool rest = false;
  bool half = false;
  for (const char c : digits) {
    if (!is_digit(c)) continue;
    const auto digit = static_cast<unsigned>(c - '0');
    if (wanted > 0) {
      if (out > (all_max - digit) / 10) return ParseFault::out_of_range;
      out = out * 10 + digit;
    } else {
      half = half || (wanted == 0 && digit >= 5);
      rest = rest || digit != 0;
    }
    --wanted;
  }
  for (; wanted > 0 && out != 0; --wanted) {
    if (out > all_max / 10) return ParseFault::out_of_range;
    out *= 10;
  }
  if (rest && !round) return ParseFault::fraction;
  if (half && round) ++out;
  return ParseFault::none;
}

ParseFault parse_integer(std::string_view text, NumberGrammar grammar, std::int64_t min,
                         std::int64_t max, std::int64_t& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) return ParseFault::malformed;
  Uint128 magnitude = number.mantissa;
  if (!number.whole || !number.exact) {
    const ParseFault fault = scaled_magnitude(number, 0, false, magnitude);
    if (fault != ParseFault::none) return fault;
  }
  const Uint128 limit =
      number.negative ? static_cast<Uint128>(-static_cast<Int128>(min)) : static_cast<Uint128>(max);
  if (magnitude > limit) return ParseFault::out_of_range;
  const auto wide = static_cast<Int128>(magnitude);
  out = static_cast<std::int64_t>(number.negative ? -wide : wide);
  return ParseFault::none;
}

ParseFault parse_hugeint(std::string_view text, NumberGrammar grammar, Int128& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) return ParseFault::malformed;
  Uint128 magnitude = 0;
  const ParseFault fault = scaled_magnitude(number, 0, false, magnitude);
  if (fault != ParseFault::none) return fault;
  const Uint128 limit = (Uint128{1} << 127) - (number.negative ? 0 : 1);
  if (magnitude > limit) return ParseFault::out_of_range;
  out = static_cast<Int128>(number.negative ? -magnitude : magnitude);
  return ParseFault::none;
}

ParseFault parse_unsigned(std::string_view text, NumberGrammar grammar, Uint128 max, Uint128& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) return ParseFault::malformed;
  const ParseFault fault = scaled_magnitude(number, 0, false, out);
  if (fault != ParseFault::none) return fault;
  return out > max || (number.negative && out != 0) ? ParseFault::out_of_range : ParseFault::none;
}

ParseFault parse_decimal(std::string_view text, NumberGrammar grammar, unsigned width,
                         unsigned scale, Int128& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) return ParseFault::malformed;
  Uint128 magnitude = 0;
  const ParseFault fault = scaled_magnitude(number, scale, true, magnitude);
  if (fault != ParseFault::none) return fault;
  Uint128 limit = 1;
  for (unsigned i = 0; i < width; ++i) limit *= 10;
  if (magnitude >= limit) return ParseFault::out_of_range;
  const auto wide = static_cast<Int128>(magnitude);
  out = number.negative ? -wide : wide;
  return ParseFault::none;
}

ParseFault parse_double(std::string_view text, NumberGrammar grammar, double& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) {
    return grammar == NumberGrammar::lenient && parse_special(text, out) ? ParseFault::none
                                                                         : ParseFault::malformed;
  }
  // Exact: both factors are doubles without rounding, so there is one rounding in all (Clinger).
  if (number.exact && number.mantissa <= double_whole_max && number.exponent >= -22 &&
      number.exponent <= 22) {
    auto value = static_cast<double>(number.mantissa);
    value = number.exponent < 0 ? value / powers_of_ten[static_cast<std::size_t>(-number.exponent)]
                                : value * powers_of_ten[static_cast<std::size_t>(number.exponent)];
    out = number.negative ? -value : value;
    return ParseFault::none;
  }
  return parse_exactly(number, out);
}

ParseFault parse_float(std::string_view text, NumberGrammar grammar, float& out) {
  NumberText number;
  if (!scan_number(text, grammar, number)) {
    return grammar == NumberGrammar::lenient && parse_special(text, out) ? ParseFault::none
                                                                         : ParseFault::malformed;
  }
  return parse_exactly(number, out);
}

}  // namespace leat::format
