// Numbers written as text, in JSON and elsewhere. Pure functions; nothing allocates.
#pragma once

#include <cstdint>
#include <string_view>

namespace leat::format {

/// Why a text is not the value that is wanted.
enum class ParseFault : std::uint8_t {
  none,
  malformed,     ///< not of this type at all
  out_of_range,  ///< right in form, but too large or too small
  fraction,      ///< a number with a fraction where a whole one is wanted
  needs_unit,    ///< a number where a point in time is wanted, and no time unit is set
};

enum class NumberGrammar : std::uint8_t {
  json,     ///< RFC 8259: no plus sign, no leading zeros, digits on both sides of the point
  lenient,  ///< those as well; NaN and infinity for floating point
};

using Uint128 = unsigned __int128;
using Int128 = __int128;

/// A number taken apart: ± mantissa × 10^exponent.
struct NumberText {
  std::string_view text;
  bool negative = false;
  bool whole = true;           ///< has neither point nor exponent
  bool exact = true;           ///< the mantissa holds all digits (up to 19)
  std::uint64_t mantissa = 0;  ///< of the first 19 significant digits
  std::int64_t exponent = 0;   ///< of the last digit of the text
};

/// False where the text is no number.
bool scan_number(std::string_view text, NumberGrammar grammar, NumberText& out);

/// |number| × 10^scale as a whole number. Fault `fraction` where digits are left over, unless they
/// may be rounded (half away from zero, as DuckDB casts text to DECIMAL).
ParseFault scaled_magnitude(const NumberText& number, unsigned scale, bool round, Uint128& out);

ParseFault parse_integer(std::string_view text, NumberGrammar grammar, std::int64_t min,
                         std::int64_t max, std::int64_t& out);
ParseFault parse_hugeint(std::string_view text, NumberGrammar grammar, Int128& out);
/// 128 bits of unsigned; `max` is the type's greatest value.
ParseFault parse_unsigned(std::string_view text, NumberGrammar grammar, Uint128 max, Uint128& out);
/// The number × 10^scale, of at most `width` digits.
ParseFault parse_decimal(std::string_view text, NumberGrammar grammar, unsigned width,
                         unsigned scale, Int128& out);
ParseFault parse_double(std::string_view text, NumberGrammar grammar, double& out);
ParseFault parse_float(std::string_view text, NumberGrammar grammar, float& out);

}  // namespace leat::format
