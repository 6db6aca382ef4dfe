#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leat::server {

inline constexpr std::string_view content_type_json = "application/json";
inline constexpr std::string_view content_type_ndjson = "application/x-ndjson";
inline constexpr std::string_view content_type_csv = "text/csv; charset=utf-8";
inline constexpr std::string_view content_type_text = "text/plain; charset=utf-8";
inline constexpr std::string_view content_type_events = "text/event-stream";

/// An answer to one request.
struct Response {
  unsigned status = 200;
  std::string_view content_type;  ///< must live as long as the program
  std::string headers;            ///< further ones, each "Name: value\r\n"
  std::string body;
  std::string_view static_body;  ///< taken instead of `body` when it isn't empty; must live as long
                                 ///< as the program
  bool close = false;            ///< the connection ends after it

  /// `value` must not hold a line end.
  void add_header(std::string_view name, std::string_view value);
  std::size_t body_size() const { return static_body.empty() ? body.size() : static_body.size(); }
};

enum class BodyFraming {
  length,       ///< Content-Length
  chunked,      ///< Transfer-Encoding: chunked
  until_close,  ///< HTTP/1.0: ends with the connection
};

std::string_view reason_of(unsigned status);

/// Appends the status line and all headers, with the empty line. `date` is an HTTP date.
void append_head(const Response& response, BodyFraming framing, bool close, std::string_view date,
                 std::string& out);

/// Now, as the header Date has it.
std::string http_date_now();

}  // namespace leat::server
