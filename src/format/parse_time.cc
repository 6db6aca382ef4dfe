#include "format/parse_time.h"

#include <cstring>

namespace leat::format {
namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr unsigned fraction_digits_max = 9;

unsigned digit(char c) { return static_cast<unsigned char>(c - '0'); }

/// Two digits, or 255 and more where they are none.
unsigned two(const char* at) {
  const unsigned high = digit(at[0]);
  const unsigned low = digit(at[1]);
  return high < 10 && low < 10 ? high * 10 + low : 255;
}

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

unsigned days_in_month(std::int64_t year, unsigned month) {
  constexpr unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/// The ten characters of `YYYY-MM-DD`, as days since 1970.
ParseFault parse_date(const char* at, std::int64_t& days) {
  const unsigned century = two(at);
  const unsigned year_in_century = two(at + 2);
  const unsigned month = two(at + 5);
  const unsigned day = two(at + 8);
  if (at[4] != '-' || at[7] != '-' || (century | year_in_century | month | day) > 127) {
    return ParseFault::malformed;
  }
  const std::int64_t year = century * 100 + year_in_century;
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return ParseFault::out_of_range;
  }
  days = days_of_civil(year, month, day);
  return ParseFault::none;
}

/// HH:MM[:SS[.fraction]], leaving `at` behind it.
ParseFault parse_clock(const char*& at, const char* end, TimePoint& out) {
  if (end - at < 5 || at[2] != ':') return ParseFault::malformed;
  const unsigned hour = two(at);
  const unsigned minute = two(at + 3);
  unsigned second = 0;
  at += 5;
  if (at != end && *at == ':') {
    if (end - at < 3) return ParseFault::malformed;
    second = two(at + 1);
    at += 3;
    if (at != end && *at == '.') {
      unsigned digits = 0;
      std::uint32_t fraction = 0;
      for (++at; at != end && digit(*at) < 10; ++at) {
        if (++digits > fraction_digits_max) return ParseFault::malformed;
        fraction = fraction * 10 + digit(*at);
      }
      if (digits == 0) return ParseFault::malformed;
      for (; digits < fraction_digits_max; ++digits) fraction *= 10;
      out.nanoseconds = fraction;
    }
  }
  if ((hour | minute | second) > 127) return ParseFault::malformed;
  if (hour > 23 || minute > 59 || second > 59) return ParseFault::out_of_range;
  out.seconds = hour * 3600 + minute * 60 + second;
  return ParseFault::none;
}

/// `Z`, ±HH, ±HHMM, ±HH:MM, at the text's end; a space may stand before. Seconds east of UTC.
ParseFault parse_offset(const char* at, const char* end, std::int64_t& seconds) {
  seconds = 0;
  if (at != end && *at == ' ') ++at;
  if (at == end) return ParseFault::none;
  if ((*at == 'Z' || *at == 'z') && at + 1 == end) return ParseFault::none;
  if ((*at != '+' && *at != '-') || end - at < 3) return ParseFault::malformed;
  const bool west = *at == '-';
  const unsigned hours = two(at + 1);
  at += 3;
  if (at != end && *at == ':') ++at;
  unsigned minutes = 0;
  if (at != end) {
    if (end - at != 2) return ParseFault::malformed;
    minutes = two(at);
  } else if (at[-1] == ':') {
    return ParseFault::malformed;
  }
  if ((hours | minutes) > 127) return ParseFault::malformed;
  if (hours > 15 || minutes > 59) return ParseFault::out_of_range;
  seconds = hours * 3600 + minutes * 60;
  if (west) seconds = -seconds;
  return ParseFault::none;
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, what JavaScript and most APIs write; false for anything else.
bool parse_millisecond_utc(const char* at, TimePoint& out) {
  if (at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[19] != '.' || at[23] != 'Z') {
    return false;
  }
  std::int64_t days = 0;
  const unsigned hour = two(at + 11);
  const unsigned minute = two(at + 14);
  const unsigned second = two(at + 17);
  const unsigned tens = two(at + 20);
  const unsigned ones = digit(at[22]);
  if (hour > 23 || minute > 59 || second > 59 || tens > 99 || ones > 9) return false;
  if (parse_date(at, days) != ParseFault::none) return false;
  out.seconds = days * day_seconds + hour * 3600 + minute * 60 + second;
  out.nanoseconds = (tens * 10 + ones) * 1'000'000;
  return true;
}

}  // namespace

std::int64_t days_of_civil(std::int64_t year, unsigned month, unsigned day) {
  // Years from March on, so that the leap day is the last; in eras of 400 years.
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

ParseFault parse_timestamp(std::string_view text, TimePoint& out) {
  out = {};
  if (text.size() == 24 && parse_millisecond_utc(text.data(), out)) return ParseFault::none;
  if (text.size() < 10) return ParseFault::malformed;
  std::int64_t days = 0;
  const ParseFault date_fault = parse_date(text.data(), days);
  if (date_fault != ParseFault::none) return date_fault;
  const char* at = text.data() + 10;
  const char* const end = text.data() + text.size();
  std::int64_t offset = 0;
  if (at != end) {
    if (*at != 'T' && *at != 't' && *at != ' ') return ParseFault::malformed;
    ++at;
    const ParseFault clock_fault = parse_clock(at, end, out);
    if (clock_fault != ParseFault::none) return clock_fault;
    const ParseFault offset_fault = parse_offset(at, end, offset);
    if (offset_fault != ParseFault::none) return offset_fault;
  }
  out.seconds += days * day_seconds - offset;
  return ParseFault::none;
}

ParseFault parse_time_of_day(std::string_view text, TimePoint& out) {
  out = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  const ParseFault fault = parse_clock(at, end, out);
  return fault == ParseFault::none && at != end ? ParseFault::malformed : fault;
}

}  // namespace leat::format
