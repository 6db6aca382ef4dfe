#include "pipeline/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "format/parse_time.h"

namespace leat::pipeline {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array duration_units = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000},
                                       Unit{"m", 60'000}, Unit{"s", 1000}, Unit{"ms", 1}};
constexpr std::array byte_units = {Unit{"TiB", 1024.0 * 1024 * 1024 * 1024},
                                   Unit{"GiB", 1024.0 * 1024 * 1024},
                                   Unit{"MiB", 1024.0 * 1024},
                                   Unit{"KiB", 1024},
                                   Unit{"TB", 1e12},
                                   Unit{"GB", 1e9},
                                   Unit{"MB", 1e6},
                                   Unit{"KB", 1e3},
                                   Unit{"kB", 1e3},
                                   Unit{"B", 1}};

template <class Number>
std::optional<Number> whole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <std::size_t n>
Read<std::int64_t> with_unit(std::string_view text, const std::array<Unit, n>& units,
                             bool bare_number, std::string_view remedy) {
  const auto digits_end = text.find_first_not_of("0123456789.");
  const auto number = whole<double>(text.substr(0, digits_end));
  const auto unit =
      digits_end == std::string_view::npos ? std::string_view() : text.substr(digits_end);
  if (!number) return std::unexpected(std::string(remedy));
  double factor = 1;
  if (unit.empty()) {
    if (!bare_number && *number != 0) return std::unexpected(std::string(remedy));
  } else {
    const auto found = std::ranges::find(units, unit, &Unit::name);
    if (found == units.end()) return std::unexpected(std::string(remedy));
    factor = found->factor;
  }
  const double value = *number * factor;
  if (value > 9e15) return std::unexpected(fmt::format("is too large; {}", remedy));
  if (value != std::floor(value)) {
    return std::unexpected(fmt::format("is not a whole number of its smallest unit; {}", remedy));
  }
  return static_cast<std::int64_t>(value);
}

template <std::size_t n>
std::string shortest(std::int64_t value, const std::array<Unit, n>& units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const auto& unit : units) {
    const auto factor = static_cast<std::int64_t>(unit.factor);
    if (value % factor == 0) return fmt::format("{}{}", value / factor, unit.name);
  }
  return std::to_string(value);
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) return host.ends_with(']') && host.size() > 3;
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

}  // namespace

Read<std::int64_t> read_integer(std::string_view text) {
  if (const auto value = whole<std::int64_t>(text)) return *value;
  return std::unexpected("is no whole number; write digits alone, as in 4");
}

Read<double> read_number(std::string_view text) {
  const auto value = whole<double>(text);
  if (value && std::isfinite(*value)) return *value;
  return std::unexpected("is no number; write one, as in 0.5");
}

Read<bool> read_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::unexpected("is neither true nor false; write one of the two");
}

Read<std::int64_t> read_duration_ms(std::string_view text) {
  return with_unit(text, duration_units, false,
                   "is no duration; write a number and its unit, as in 250ms, 1s, 5m, 1h or 7d");
}

Read<std::int64_t> read_bytes(std::string_view text) {
  return with_unit(text, byte_units, true,
                   "is no size; write bytes or a number and its unit, as in 65536, 64KiB or 10MB");
}

Read<std::string> read_json_pointer(std::string_view text) {
  if (!text.empty() && !text.starts_with('/')) {
    return std::unexpected(
        "is no JSON pointer; begin it with \"/\", as in /dob/age, or write \"\" for the whole "
        "record");
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (next != '0' && next != '1') {
      return std::unexpected("is no JSON pointer; write ~0 for \"~\" and ~1 for \"/\" in a name");
    }
  }
  return std::string(text);
}

std::string json_pointer_to(std::string_view name) {
  std::string out = "/";
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Read<std::int64_t> read_time_ms(std::string_view text) {
  format::TimePoint time;
  if (format::parse_timestamp(text, time) != format::ParseFault::none) {
    return std::unexpected("is no time; write it as 2026-01-31T23:59:59.999Z");
  }
  return time.seconds * 1000 + time.nanoseconds / 1'000'000;
}

Read<std::string> read_url(std::string_view text, const std::vector<std::string>& schemes) {
  const auto remedy = fmt::format("write {}://host[:port][/path]", fmt::join(schemes, " or "));
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) {
    return std::unexpected(fmt::format("is no URL; {}", remedy));
  }
  if (std::ranges::find(schemes, text.substr(0, colon)) == schemes.end()) {
    return std::unexpected(fmt::format("has another scheme than is spoken here; {}", remedy));
  }
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, blank)) {
    return std::unexpected("holds a blank; write %20 in its place");
  }
  auto authority = text.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const auto user = authority.rfind('@'); user != std::string_view::npos) {
    authority.remove_prefix(user + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto port_colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (!is_host(authority.substr(0, port_colon))) {
    return std::unexpected(fmt::format("names no host that can be; {}", remedy));
  }
  if (port_colon != std::string_view::npos) {
    const auto port = whole<std::int64_t>(authority.substr(port_colon + 1));
    if (!port || *port < 1 || *port > 65535) {
      return std::unexpected("has no port that can be; write a number from 1 to 65535");
    }
  }
  return std::string(text);
}

std::string duration_text(std::int64_t milliseconds) {
  return shortest(milliseconds, duration_units, "0s");
}

std::string bytes_text(std::int64_t bytes) { return shortest(bytes, byte_units, "0B"); }

}  // namespace leat::pipeline
