#include "server/request.h"

#include <charconv>

#include <boost/beast/core/string.hpp>

namespace leat::server {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Header::count)> header_names = {
    "accept",          "accept-encoding",  "content-encoding",
    "content-type",    "expect",           "host",
    "idempotency-key", "if-none-match",    "last-event-id",
    "leat-key",        "leat-producer-id", "leat-sequence",
    "origin",          "sec-fetch-site",
};

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Header> header_of(std::string_view name) {
  for (std::size_t i = 0; i < header_names.size(); ++i) {
    if (header_names[i].size() != name.size()) continue;
    if (boost::beast::iequals({name.data(), name.size()},
                              {header_names[i].data(), header_names[i].size()})) {
      return static_cast<Header>(i);
    }
  }
  return std::nullopt;
}

std::string_view name_of(Header header) { return header_names[static_cast<std::size_t>(header)]; }

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
      continue;
    }
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return user_error("bad-parameter",
                        "the address has a '%' at byte {} that is not followed by two hexadecimal "
                        "digits; write '%25' for a percent sign",
                        i);
    }
    const char byte = static_cast<char>(high * 16 + low);
    if (byte == '\0') {
      return user_error("bad-parameter", "the address holds a NUL byte (%00)");
    }
    decoded += byte;
    i += 2;
  }
  return decoded;
}

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return {};
  return std::string_view(target).substr(mark + 1);
}

Result<std::optional<std::string>> Request::query_parameter(std::string_view name) const {
  std::string_view rest = query();
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    if (equals == std::string_view::npos) return std::optional<std::string>("");
    return std::optional<std::string>(LEAT_TRY(percent_decode(pair.substr(equals + 1), true)));
  }
  return std::optional<std::string>();
}

Result<std::optional<std::int64_t>> Request::query_number(std::string_view name, std::int64_t low,
                                                          std::int64_t high) const {
  const std::optional<std::string> text = LEAT_TRY(query_parameter(name));
  if (!text) return std::optional<std::int64_t>();
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < low || number > high) {
    return user_error("bad-parameter", "`{}` must be a whole number from {} to {}, not `{}`", name,
                      low, high, *text);
  }
  return std::optional<std::int64_t>(number);
}

Result<std::optional<bool>> Request::query_boolean(std::string_view name) const {
  const std::optional<std::string> text = LEAT_TRY(query_parameter(name));
  if (!text) return std::optional<bool>();
  if (*text == "true" || *text == "1" || text->empty()) return std::optional<bool>(true);
  if (*text == "false" || *text == "0") return std::optional<bool>(false);
  return user_error("bad-parameter", "`{}` must be `true` or `false`, not `{}`", name, *text);
}

std::string_view Request::header(Header header) const {
  const Place& place = headers_[index(header)];
  return std::string_view(header_text_).substr(place.begin, place.size);
}

void Request::add_header(Header header, std::string_view value) {
  Place& place = headers_[index(header)];
  const auto begin = static_cast<std::uint32_t>(header_text_.size());
  if (place.present) {
    header_text_ += header_text_.substr(place.begin, place.size);
    header_text_ += ", ";
  }
  header_text_ += value;
  place = {begin, static_cast<std::uint32_t>(header_text_.size() - begin), true};
}

}  // namespace leat::server
