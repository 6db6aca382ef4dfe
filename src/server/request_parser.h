#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

#include "base/error.h"
#include "server/request.h"

namespace leat::server {

/// Bytes of request bodies held by all connections together. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  /// False when there is no room for `bytes` more.
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> held_ = 0;
};

/// Reads one request from bytes as they come, and refuses whatever two programs could understand
/// differently: both kinds of body length, a length twice, folded headers, bare line feeds, other
/// transfer codings than chunked, no or several Hosts. Used by one thread; for one message.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  struct Limits {
    std::size_t header_bytes_max = 16 << 10;
    std::size_t body_bytes_max = 32 << 20;
  };
  RequestParser(const Limits& limits, BodyBudget& budget);
  ~RequestParser() override;
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Takes what it can of `bytes` and gives how many those were: fewer than all when the request is
  /// complete, or more bytes are needed to take the rest. An Error refuses the request; the
  /// connection can't go on after it.
  Result<std::size_t> parse(std::string_view bytes);

  bool complete() { return is_done(); }
  bool started() { return got_some(); }
  bool header_complete() { return is_header_done(); }
  Request& request() { return request_; }
  /// Body bytes taken from the budget, which the caller now has to give back.
  std::size_t release_budget();

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb method, string_view method_text, string_view target,
                       int version, error_code& error) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field field, string_view name, string_view value,
                     error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& error) override;
  std::size_t on_body_impl(string_view bytes, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view bytes,
                                 error_code& error) override;
  void on_finish_impl(error_code& error) override;

  void refuse(error_code& error, const char* code, std::string message);
  bool is_folded(string_view name, string_view value) const;

  const Limits limits_;
  BodyBudget& budget_;
  std::size_t budget_taken_ = 0;
  Request request_;
  std::optional<Error> refusal_;
  std::string_view input_;  ///< of the current call of parse
  std::size_t header_bytes_ = 0;
  unsigned hosts_ = 0;
  unsigned lengths_ = 0;
  bool transfer_encoding_ = false;
  bool in_trailer_ = false;
};

}  // namespace leat::server
