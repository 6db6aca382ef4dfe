#include "server/response.h"

#include <ctime>
#include <iterator>

#include <fmt/chrono.h>
#include <boost/beast/http/status.hpp>

#include "base/check.h"

namespace leat::server {

void Response::add_header(std::string_view name, std::string_view value) {
  LEAT_CHECK(value.find_first_of("\r\n") == std::string_view::npos);
  headers += name;
  headers += ": ";
  headers += value;
  headers += "\r\n";
}

std::string_view reason_of(unsigned status) {
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {reason.data(), reason.size()};
}

void append_head(const Response& response, BodyFraming framing, bool close, std::string_view date,
                 std::string& out) {
  if (response.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                   reason_of(response.status));
  }
  out += "Date: ";
  out += date;
  if (!response.content_type.empty()) {
    out += "\r\nContent-Type: ";
    out += response.content_type;
  }
  switch (framing) {
    case BodyFraming::length: {
      if (response.status == 304) break;
      const fmt::format_int length(response.body_size());
      out += "\r\nContent-Length: ";
      out.append(length.data(), length.size());
      break;
    }
    case BodyFraming::chunked:
      out += "\r\nTransfer-Encoding: chunked";
      break;
    case BodyFraming::until_close:
      break;
  }
  out += close ? "\r\nConnection: close" : "\r\nConnection: keep-alive";
  out += "\r\nX-Content-Type-Options: nosniff\r\n";
  if (response.headers.find("Cache-Control:") == std::string::npos) {
    out += "Cache-Control: no-store\r\n";
  }
  out += response.headers;
  out += "\r\n";
}

std::string http_date_now() {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr)));
}

}  // namespace leat::server
