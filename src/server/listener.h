#pragma once

#include <memory>
#include <vector>

#include <fcntl.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "server/connection.h"
#include "server/io_thread.h"
#include "server/options.h"

namespace leat::server {

/// Accepts connections and deals them out to the I/O threads. It lives on the first of them.
class Listener {
 public:
  Listener(std::vector<std::unique_ptr<IoThread>>& threads, ConnectionShared& shared);

  /// Errors: `address-in-use`, `address-not-available` (external), `remote-listener`,
  /// `unknown-host` (user), each with the remedy.
  Status open(const ServerOptions& options);
  void start();
  /// Takes no further connection. On the first I/O thread.
  void close();
  std::uint16_t port() const { return port_; }
  /// Another descriptor of the listening socket, which keeps it open; -1: out of them.
  int duplicate() const { return ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0); }
  bool is_loopback() const { return loopback_; }

 private:
  void accept(std::size_t next);
  void refuse(Connection::Socket socket, IoThread& io);

  std::vector<std::unique_ptr<IoThread>>& threads_;
  ConnectionShared& shared_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>
      acceptor_;
  boost::asio::steady_timer pause_;
  int descriptor_ = -1;  // of acceptor_
  std::uint16_t port_ = 0;
  bool loopback_ = true;
};

}  // namespace leat::server
