#include "server/request_parser.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace leat::server {
namespace http = boost::beast::http;
namespace {

/// What simdjson may read past a body's end; kept so that a body is never copied to be parsed.
constexpr std::size_t body_padding = 64;

Error refusal_of(const boost::beast::error_code& error, const RequestParser::Limits& limits) {
  const auto refuse = [](const char* code, std::string message) {
    return Error{Domain::user, code, std::move(message), false};
  };
  if (error == http::error::header_limit) {
    return refuse("header-too-large",
                  fmt::format("the request line and headers are larger than {} bytes; send less",
                              limits.header_bytes_max));
  }
  if (error == http::error::body_limit) {
    return refuse("body-too-large",
                  fmt::format("the body is larger than {} bytes; send it in several requests",
                              limits.body_bytes_max));
  }
  if (error == http::error::bad_transfer_encoding || error == http::error::bad_content_length ||
      error == http::error::multiple_content_length) {
    return refuse("malformed-request",
                  "the body's length is ambiguous or wrong: send one Content-Length, or "
                  "Transfer-Encoding: chunked, never both");
  }
  return refuse("malformed-request",
                fmt::format("this is not an HTTP/1.1 request: {}", error.message()));
}

}  // namespace

bool BodyBudget::take(std::size_t bytes) {
  if (held_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
  give_back(bytes);
  return false;
}

RequestParser::RequestParser(const Limits& limits, BodyBudget& budget)
    : limits_(limits), budget_(budget) {
  eager(true);
  header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
  body_limit(limits.body_bytes_max);
}

RequestParser::~RequestParser() { budget_.give_back(budget_taken_); }

std::size_t RequestParser::release_budget() { return std::exchange(budget_taken_, 0); }

Result<std::size_t> RequestParser::parse(std::string_view bytes) {
  input_ = bytes;
  error_code error;
  const std::size_t taken = put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  input_ = {};
  if (refusal_) return std::unexpected(*refusal_);
  if (error && error != http::error::need_more) {
    return std::unexpected(refusal_of(error, limits_));
  }
  // A body is taken as it comes, so what is left is a line that doesn't end.
  if (!is_done() && bytes.size() - taken > limits_.header_bytes_max) {
    return std::unexpected(refusal_of(http::error::header_limit, limits_));
  }
  return taken;
}

void RequestParser::refuse(error_code& error, const char* code, std::string message) {
  refusal_ = Error{Domain::user, code, std::move(message), false};
  error = http::error::bad_value;
}

void RequestParser::on_request_impl(http::verb method, string_view method_text, string_view target,
                                    int version, error_code& error) {
  switch (method) {
    case http::verb::get:
      request_.method = Method::get;
      break;
    case http::verb::head:
      request_.method = Method::head;
      break;
    case http::verb::post:
      request_.method = Method::post;
      break;
    default:
      request_.method_text.assign(method_text.data(), method_text.size());
  }
  header_bytes_ += method_text.size() + target.size();
  request_.http_1_1 = version == 11;
  // A proxy's absolute form (http://host/path) is taken as its path.
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const std::size_t slash = target.find('/', target.find("//") + 2);
    target = slash == string_view::npos ? string_view("/") : target.substr(slash);
  }
  if (target.empty() || target[0] != '/') {
    return refuse(error, "malformed-request", "the request's address must begin with '/'");
  }
  request_.target.assign(target.data(), target.size());
}

/// Beast unfolds a value that goes on in the next line into a buffer of its own, or skips an empty
/// first line of it.
bool RequestParser::is_folded(string_view name, string_view value) const {
  const char* const begin = input_.data();
  const char* const end = begin + input_.size();
  if (std::less<>()(value.data(), begin) || std::less<>()(end, value.data())) return true;
  const char* const gap = name.data() + name.size();
  return std::memchr(gap, '\n', static_cast<std::size_t>(value.data() - gap)) != nullptr;
}

void RequestParser::on_field_impl(http::field field, string_view name, string_view value,
                                  error_code& error) {
  header_bytes_ += name.size() + value.size() + 4;
  if (header_bytes_ > limits_.header_bytes_max) {
    error = http::error::header_limit;
    return;
  }
  if (is_folded(name, value)) {
    return refuse(error, "malformed-request",
                  fmt::format("the header `{}` is folded over several lines; write it in one",
                              std::string_view(name.data(), name.size())));
  }
  if (in_trailer_) return;
  switch (field) {
    case http::field::host:
      if (++hosts_ > 1) return refuse(error, "malformed-request", "there is more than one Host");
      request_.add_header(Header::host, {value.data(), value.size()});
      return;
    case http::field::content_length:
      if (++lengths_ > 1 || value.find(',') != string_view::npos) {
        return refuse(error, "malformed-request", "there is more than one Content-Length");
      }
      return;
    case http::field::transfer_encoding:
      transfer_encoding_ = true;
      if (!boost::beast::iequals(value, "chunked")) {
        return refuse(error, "unsupported-transfer-encoding",
                      "the only Transfer-Encoding taken is `chunked`");
      }
      return;
    default:
      break;
  }
  if (const auto header = header_of({name.data(), name.size()})) {
    request_.add_header(*header, {value.data(), value.size()});
  }
}

void RequestParser::on_header_impl(error_code& error) {
  in_trailer_ = true;
  request_.keep_alive = keep_alive();
  if (request_.http_1_1 && hosts_ == 0) {
    return refuse(error, "malformed-request", "the header Host is missing");
  }
  if (!request_.http_1_1 && transfer_encoding_) {
    return refuse(error, "malformed-request", "HTTP/1.0 has no Transfer-Encoding");
  }
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  // A claimed length is no reason to set memory aside: grow as the bytes come.
  constexpr std::uint64_t trusted_max = 256 << 10;
  if (length) request_.body.reserve(std::min(*length, trusted_max) + body_padding);
}

std::size_t RequestParser::on_body_impl(string_view bytes, error_code& error) {
  if (!budget_.take(bytes.size())) {
    refusal_ = Error{Domain::external, "overloaded",
                     "the server holds as many request bodies as it may; try again later", true};
    error = http::error::body_limit;
    return 0;
  }
  budget_taken_ += bytes.size();
  request_.body.append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) {
  return on_body_impl(bytes, error);
}

void RequestParser::on_finish_impl(error_code&) {
  if (!request_.body.empty()) request_.body.reserve(request_.body.size() + body_padding);
}

}  // namespace leat::server
