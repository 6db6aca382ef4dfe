#include "connector/url.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

#include <curl/curl.h>

namespace leat::connector {
namespace {

struct UrlDeleter {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlDeleter>;

std::string part_of(CURLU* handle, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

Result<Url> take_apart(CURLU* handle, std::string_view shown) {
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  Url url;
  url.text = part_of(handle, CURLUPART_URL);
  url.scheme = part_of(handle, CURLUPART_SCHEME);
  url.host = part_of(handle, CURLUPART_HOST);
  if (url.scheme != "http" && url.scheme != "https") {
    return user_error("bad-url", "\"{}\" is neither an http nor an https address",
                      shown.substr(0, shown.find('?')));
  }
  for (char& letter : url.host) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
  }
  if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
  url.port = static_cast<std::uint16_t>(
      std::atoi(part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str()));
  return url;
}

constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_letters(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char left, char right) {
    return (left >= 'A' && left <= 'Z' ? left + 32 : left) == right;
  });
}

/// Whether a link's parameters (`; rel="next"; title=x`) name the relation "next".
bool is_next(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = trimmed(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (!is_letters(trimmed(parameter.substr(0, equals)), "rel")) continue;
    std::string_view value = trimmed(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    while (!value.empty()) {  // relations are separated by spaces
      const std::size_t space = std::min(value.find(' '), value.size());
      if (is_letters(value.substr(0, space), "next")) return true;
      value.remove_prefix(std::min(space + 1, value.size()));
    }
  }
  return false;
}

}  // namespace

std::string Url::without_secrets() const {
  const UrlHandle handle(curl_url());
  if (curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return scheme;
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY}) {
    curl_url_set(handle.get(), part, nullptr, 0);
  }
  return part_of(handle.get(), CURLUPART_URL);
}

Result<Url> parse_url(std::string_view text) {
  const UrlHandle handle(curl_url());
  const std::string terminated(text);
  const std::string_view shown = text.substr(0, text.find('?'));
  if (text.find('\0') != std::string_view::npos ||
      curl_url_set(handle.get(), CURLUPART_URL, terminated.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    return user_error("bad-url", "\"{}\" is no address; write one like https://example.com/api",
                      shown);
  }
  return take_apart(handle.get(), shown);
}

Result<Url> resolve_url(const Url& base, std::string_view target) {
  const UrlHandle handle(curl_url());
  const std::string terminated(target);
  if (curl_url_set(handle.get(), CURLUPART_URL, base.text.c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_URL, terminated.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    return user_error("bad-url", "\"{}\" is no address", target.substr(0, target.find('?')));
  }
  return take_apart(handle.get(), target);
}

std::string with_parameter(std::string_view url, std::string_view name, std::string_view value) {
  const auto encode = [](std::string_view text) {
    char* encoded = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
    std::string copy = encoded != nullptr ? encoded : "";
    curl_free(encoded);
    return copy;
  };
  const std::string wanted = encode(name);
  const std::size_t mark = std::min(url.find('?'), url.size());
  std::string result(url.substr(0, mark));
  char separator = '?';
  for (std::string_view query = url.substr(std::min(mark + 1, url.size())); !query.empty();) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::string_view part_name = part.substr(0, part.find('='));
    if (part.empty() || part_name == wanted || part_name == name) continue;
    result += separator;
    result += part;
    separator = '&';
  }
  return result + separator + wanted + "=" + encode(value);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned char byte = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    const bool encoded = text[0] == '%' && digits.size() == 2 && read.ptr == digits.end();
    out += encoded ? static_cast<char>(byte) : text[0];
    text.remove_prefix(encoded ? 3 : 1);
  }
  return out;
}

std::string next_link(std::string_view header) {
  while (true) {
    const std::size_t open = header.find('<');
    const std::size_t close = header.find('>', open);
    if (open == std::string_view::npos || close == std::string_view::npos) return {};
    const std::string_view target = header.substr(open + 1, close - open - 1);
    header.remove_prefix(close + 1);
    // The parameters reach to the next comma that is not inside quotes.
    bool quoted = false;
    std::size_t end = 0;
    while (end < header.size() && (quoted || header[end] != ',')) quoted ^= header[end++] == '"';
    if (is_next(header.substr(0, end))) return std::string(target);
    header.remove_prefix(end);
  }
}

}  // namespace leat::connector
