#include "connector/random_user/mock_server.h"

#include <atomic>
#include <charconv>
#include <cmath>
#include <random>
#include <set>
#include <thread>

#include <zlib.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "connector/random_user/mock_answer.h"

namespace leat::connector {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::size_t connections_max = 1024;
constexpr std::size_t request_header_bytes_max = 16 * 1024;
constexpr std::size_t request_body_bytes_max = 64 * 1024;
constexpr std::chrono::seconds idle_time_max{60};
constexpr std::size_t compress_bytes_min = 1024;

/// `text` as a gzip member; empty when zlib refuses.
std::string gzip(const std::string& text) {
  z_stream stream{};
  constexpr int gzip_format = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

}  // namespace

/// Everything but start and stop happens on the one thread that runs `io_`.
struct MockServer::Service {
  class Connection;

  explicit Service(MockServerOptions given) : options(std::move(given)) {}

  Status listen();
  void accept();
  void stop();

  std::string fresh_seed() {
    if (!options.seed.empty()) return fmt::format("{}-{}", options.seed, ++seeds_given);
    return fmt::format("{:016x}", static_cast<std::uint64_t>(entropy()) << 32 ^ entropy());
  }

  /// Nothing: the request may pass. Otherwise the seconds until one may.
  std::optional<double> over_rate() {
    if (options.rate <= 0) return std::nullopt;
    const auto now = std::chrono::steady_clock::now();
    const double room = std::max(1.0, options.rate);
    tokens = std::min(
        room, tokens + std::chrono::duration<double>(now - tokens_at).count() * options.rate);
    tokens_at = now;
    if (tokens < 1) return (1 - tokens) / options.rate;
    tokens -= 1;
    return std::nullopt;
  }

  MockServerOptions options;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::set<std::shared_ptr<Connection>> connections;
  std::atomic<std::uint64_t> requests{0};
  std::random_device entropy;
  std::uint64_t seeds_given = 0;
  double tokens = 1;
  std::chrono::steady_clock::time_point tokens_at = std::chrono::steady_clock::now();
  std::string origin;
  std::uint16_t port = 0;
  std::thread thread;
};

class MockServer::Service::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Service& service, tcp::socket socket)
      : service_(service), stream_(std::move(socket)), timer_(service.io) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(request_header_bytes_max);
    parser_->body_limit(request_body_bytes_max);
    stream_.expires_after(idle_time_max);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code failed, std::size_t) {
                       if (failed) return self->close();
                       self->respond();
                     });
  }

  void close() {
    timer_.cancel();
    stream_.close();
    service_.connections.erase(shared_from_this());
  }

 private:
  void respond() {
    const std::uint64_t number = ++service_.requests;
    MockAnswer answer = make_answer();
    std::chrono::milliseconds delay{0};
    cut_ = false;
    for (const MockFault& fault : service_.options.faults) {
      if (!fault.hits(number)) continue;
      switch (fault.kind) {
        case MockFault::Kind::slow:
          delay += fault.delay;
          break;
        case MockFault::Kind::status:
          answer = make_refusal(fault.status, 1);
          break;
        case MockFault::Kind::malformed:
          answer.body.resize(answer.body.size() * 2 / 3);
          break;
        case MockFault::Kind::cut:
          cut_ = true;
          break;
      }
    }
    make_response(std::move(answer));
    if (delay.count() == 0) return write();
    stream_.expires_never();
    timer_.expires_after(delay);
    timer_.async_wait([self = shared_from_this()](error_code failed) {
      if (!failed) self->write();
    });
  }

  static MockAnswer make_refusal(unsigned status, unsigned seconds) {
    MockAnswer answer = mock_error(
        status, status == 429 ? "too many requests; wait as Retry-After says"
                              : "something went wrong here, as this server was asked to");
    if (status == 429 || status == 503) {
      answer.header.emplace_back("Retry-After", fmt::format("{}", seconds));
    }
    return answer;
  }

  MockAnswer make_answer() {
    const auto& request = parser_->get();
    if (const auto wait = service_.over_rate()) {
      return make_refusal(429, static_cast<unsigned>(std::ceil(*wait)));
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      MockAnswer answer = mock_error(405, "only GET is answered here");
      answer.header.emplace_back("Allow", "GET, HEAD");
      return answer;
    }
    return answer_random_user(request.target(), service_.fresh_seed(), service_.origin);
  }

  void make_response(MockAnswer answer) {
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.result(answer.status);
    response_.set(http::field::server, "leat");
    response_.set(http::field::content_type, "application/json; charset=utf-8");
    response_.set(http::field::access_control_allow_origin, "*");
    response_.set(http::field::cache_control, "no-cache");
    for (const auto& [name, value] : answer.header) response_.set(name, value);
    const auto accepted = request[http::field::accept_encoding];
    if (accepted.find("gzip") != beast::string_view::npos &&
        answer.body.size() >= compress_bytes_min) {
      if (std::string small = gzip(answer.body); !small.empty()) {
        answer.body = std::move(small);
        response_.set(http::field::content_encoding, "gzip");
        response_.set(http::field::vary, "Accept-Encoding");
      }
    }
    response_.keep_alive(request.keep_alive());
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
  }

  void write() {
    stream_.expires_after(idle_time_max);
    if (cut_) return write_half();
    http::async_write(stream_, response_, [self = shared_from_this()](error_code failed, auto) {
      if (failed || !self->response_.keep_alive()) return self->close();
      self->read();
    });
  }

  /// The header promises the whole body, half of it comes, and the connection is gone.
  void write_half() {
    half_ =
        fmt::format("HTTP/1.1 {} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
                    response_.result_int(), response_.body().size());
    if (response_.count(http::field::content_encoding) > 0) half_ += "Content-Encoding: gzip\r\n";
    half_ += "\r\n";
    half_.append(response_.body(), 0, response_.body().size() / 2);
    asio::async_write(stream_, asio::buffer(half_),
                      [self = shared_from_this()](error_code, std::size_t) { self->close(); });
  }

  Service& service_;
  beast::tcp_stream stream_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::string half_;
  bool cut_ = false;
};

Status MockServer::Service::listen() {
  const std::size_t colon = options.listen.rfind(':');
  std::string host = options.listen.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  const char* digits = options.listen.data() + colon + 1;
  const char* end = options.listen.data() + options.listen.size();
  std::uint16_t wanted = 0;
  if (failed || colon == std::string::npos || std::from_chars(digits, end, wanted).ptr != end ||
      digits == end) {
    return user_error("bad-address",
                      "cannot listen at \"{}\": write ADDRESS:PORT, as in 127.0.0.1:8099",
                      options.listen);
  }
  const tcp::endpoint endpoint(address, wanted);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed == asio::error::address_in_use) {
    return external_error("port-in-use",
                          "cannot listen at {}: another process has that port; end it or name "
                          "another port",
                          options.listen);
  }
  if (failed) {
    return external_error("cannot-listen", "cannot listen at {}: {}", options.listen,
                          failed.message());
  }
  port = acceptor.local_endpoint().port();
  origin = fmt::format("http://{}:{}", address.is_v6() ? "[" + host + "]" : host, port);
  return {};
}

void MockServer::Service::accept() {
  acceptor.async_accept([this](error_code failed, tcp::socket socket) {
    if (failed == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!failed && connections.size() < connections_max) {
      socket.set_option(tcp::no_delay(true), failed);
      auto connection = std::make_shared<Connection>(*this, std::move(socket));
      connections.insert(connection);
      connection->read();
    }
    accept();
  });
}

void MockServer::Service::stop() {
  asio::post(io, [this] {
    error_code ignored;
    acceptor.close(ignored);
    const auto open = connections;
    for (const auto& connection : open) connection->close();
  });
  thread.join();
}

Result<std::unique_ptr<MockServer>> MockServer::start(MockServerOptions options) {
  auto service = std::make_unique<Service>(std::move(options));
  LEAT_TRY(service->listen());
  service->accept();
  service->thread = std::thread([running = service.get()] { running->io.run(); });
  return std::unique_ptr<MockServer>(new MockServer(std::move(service)));
}

MockServer::MockServer(std::unique_ptr<Service> service) : service_(std::move(service)) {}
MockServer::~MockServer() { service_->stop(); }
std::uint16_t MockServer::port() const { return service_->port; }
std::string MockServer::origin() const { return service_->origin; }
std::uint64_t MockServer::requests() const { return service_->requests; }

}  // namespace leat::connector
