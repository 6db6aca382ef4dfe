// Dates and times written as ISO 8601 text. Pure functions; nothing allocates.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/parse_number.h"

namespace leat::format {

/// A point in time, or a time of day with the day left at 0.
struct TimePoint {
  std::int64_t seconds = 0;       ///< since 1970-01-01T00:00:00Z
  std::uint32_t nanoseconds = 0;  ///< and so much later
};

/// Days from 1970-01-01 to a day of the Gregorian calendar, extended to all years.
std::int64_t days_of_civil(std::int64_t year, unsigned month, unsigned day);

/// `YYYY-MM-DD`, alone or followed by `T` or a space and a time: HH:MM, HH:MM:SS, with up to nine
/// fraction digits, then `Z`, ±HH, ±HH:MM, ±HHMM or nothing (which is UTC).
ParseFault parse_timestamp(std::string_view text, TimePoint& out);
/// A time of day as above, without an offset.
ParseFault parse_time_of_day(std::string_view text, TimePoint& out);

}  // namespace leat::format
