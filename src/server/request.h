#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::server {

enum class Method : std::uint8_t { get, head, post, other };

/// The request headers that Leat looks at; all others are dropped while parsing.
enum class Header : std::uint8_t {
  accept,
  accept_encoding,
  content_encoding,
  content_type,
  expect,
  host,
  idempotency_key,
  if_none_match,
  last_event_id,
  leat_key,
  leat_producer_id,
  leat_sequence,
  origin,
  sec_fetch_site,
  count,
};

/// The header of this name, compared without case.
std::optional<Header> header_of(std::string_view name);
std::string_view name_of(Header header);

/// `text` with %XX decoded, and '+' as a space where `plus_is_space`. Error `bad-parameter` (user).
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// One HTTP request, whole. Movable; views that it gives last as long as it stands where it is.
class Request {
 public:
  Method method = Method::other;
  std::string method_text;  ///< set only when `method` is `other`
  std::string target;       ///< as sent: path and query, percent-encoded
  std::string body;
  std::string parameter;  ///< what stood for the route's `{…}`, decoded
  bool http_1_1 = true;
  bool keep_alive = true;

  std::string_view path() const;
  std::string_view query() const;
  /// The first query parameter of this name, decoded; nothing when it isn't there. Error
  /// `bad-parameter` (user).
  Result<std::optional<std::string>> query_parameter(std::string_view name) const;
  /// A whole number in a query parameter. Error `bad-parameter` (user).
  Result<std::optional<std::int64_t>> query_number(std::string_view name, std::int64_t low,
                                                   std::int64_t high) const;
  /// `true` or `false` in a query parameter. Error `bad-parameter` (user).
  Result<std::optional<bool>> query_boolean(std::string_view name) const;

  bool has(Header header) const { return headers_[index(header)].present; }
  /// Empty when it wasn't sent.
  std::string_view header(Header header) const;
  /// Keeps a header's value; one sent again is joined by a comma, as RFC 9110 has it.
  void add_header(Header header, std::string_view value);

 private:
  struct Place {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    bool present = false;
  };
  static std::size_t index(Header header) { return static_cast<std::size_t>(header); }

  std::string header_text_;
  std::array<Place, static_cast<std::size_t>(Header::count)> headers_{};
};

}  // namespace leat::server
