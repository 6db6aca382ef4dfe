#include "server/listener.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "server/api_error.h"
#include "server/request_guard.h"

namespace leat::server {
namespace asio = boost::asio;
namespace {

std::unexpected<Error> open_failure(const boost::system::error_code& error,
                                    const ServerOptions& options) {
  if (error == asio::error::address_in_use) {
    return external_error("address-in-use",
                          "{}:{} is in use by another program; choose another port with --listen "
                          "{}:PORT, or end that program (`ss -ltnp 'sport = :{}'` names it)",
                          options.host, options.port, options.host, options.port);
  }
  if (error == asio::error::access_denied) {
    return user_error("port-not-permitted",
                      "{}:{}: ports below 1024 need a privilege; choose another with --listen",
                      options.host, options.port);
  }
  return external_error("address-not-available",
                        "can't listen on {}:{}: {}; choose an address of this machine with "
                        "--listen",
                        options.host, options.port, error.message());
}

}  // namespace

Listener::Listener(std::vector<std::unique_ptr<IoThread>>& threads, ConnectionShared& shared)
    : threads_(threads),
      shared_(shared),
      acceptor_(threads.front()->context().get_executor()),
      pause_(threads.front()->context()) {}

Status Listener::open(const ServerOptions& options) {
  boost::system::error_code error;
  asio::ip::tcp::resolver resolver(threads_.front()->context());
  const auto found = resolver.resolve(options.host, std::to_string(options.port),
                                      asio::ip::resolver_base::passive, error);
  if (error || found.empty()) {
    return user_error("unknown-host", "can't listen on `{}`: {}; give an address of this machine",
                      options.host, error.message());
  }
  const asio::ip::tcp::endpoint endpoint = *found.begin();
  loopback_ = endpoint.address().is_loopback();
  if (!loopback_ && !options.allow_remote) {
    return user_error("remote-listener",
                      "{} can be reached from other machines, and Leat has no TLS and no sign-in "
                      "of its own yet; listen on 127.0.0.1 behind a proxy that has, or allow it "
                      "explicitly (--allow-remote)",
                      options.host);
  }
  if (options.listening_socket >= 0) {
    acceptor_.assign(endpoint.protocol(), options.listening_socket, error);
    if (error) return open_failure(error, options);
  } else {
    acceptor_.open(endpoint.protocol(), error);
    if (error) return open_failure(error, options);
    acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    acceptor_.bind(endpoint, error);
    if (error) return open_failure(error, options);
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return open_failure(error, options);
  }
  descriptor_ = acceptor_.native_handle();
  port_ = acceptor_.local_endpoint(error).port();
  if (error) return open_failure(error, options);
  return {};
}

void Listener::start() {
  asio::post(threads_.front()->context(), [this] { accept(0); });
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Listener::accept(std::size_t next) {
  IoThread& io = *threads_[next % threads_.size()];
  acceptor_.async_accept(
      io.context().get_executor(),
      [this, &io, next](const boost::system::error_code& error, Connection::Socket socket) {
        if (!acceptor_.is_open()) return;
        if (error) {
          // Out of descriptors, most likely: they come back when clients leave.
          constexpr std::chrono::milliseconds pause{100};
          pause_.expires_after(pause);
          pause_.async_wait([this, next](const boost::system::error_code& cancelled) {
            if (!cancelled && acceptor_.is_open()) accept(next);
          });
          return;
        }
        const auto open = shared_.metrics.connections.load(std::memory_order_relaxed);
        if (open >= static_cast<std::int64_t>(shared_.limits.connections_max)) {
          refuse(std::move(socket), io);
        } else {
          auto connection = std::make_shared<Connection>(std::move(socket), io, shared_);
          asio::post(io.context(), [connection] { connection->start(); });
        }
        accept(next + 1);
      });
}

void Listener::refuse(Connection::Socket socket, IoThread& io) {
  shared_.metrics.connections_refused.fetch_add(1, std::memory_order_relaxed);
  asio::post(io.context(), [socket = std::move(socket), &io]() mutable {
    const Response response = response_of(
        Error{Domain::external, "too-many-connections",
              "the server has as many connections open as it may; try again in a moment", true});
    std::string text;
    append_head(response, BodyFraming::length, true, io.date(), text);
    text += response.body;
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  });
}

}  // namespace leat::server
