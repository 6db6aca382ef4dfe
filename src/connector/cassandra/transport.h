#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct ssl_ctx_st;
struct ssl_st;

namespace leat::connector::cql {

/// How connections are kept private. Files are PEM.
struct TlsOptions {
  bool enabled = false;
  std::string ca_file;           ///< who signs the servers' certificates; empty: the system's list
  std::string certificate_file;  ///< ours, for servers that want one
  std::string key_file;
  /// The certificate must name the server's address or this name; empty: the address as it was
  /// given.
  std::string server_name;
};

/// What all TLS connections of a session have in common. Shared, immutable.
class TlsContext {
 public:
  /// Reads the files. Error `tls-files` (user).
  static Result<std::shared_ptr<const TlsContext>> make(const TlsOptions& options);

  const TlsOptions& options() const { return options_; }
  ssl_ctx_st* handle() const { return context_.get(); }

 private:
  struct Deleter {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsOptions options_;
  std::unique_ptr<ssl_ctx_st, Deleter> context_;
};

/// A node's address and how it was written.
struct Endpoint {
  std::string host;  ///< a name or an address
  std::uint16_t port = 9042;
  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// "host", "host:9142", "[::1]:9042". Error `invalid-host` (user).
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);

/// A TCP connection, with TLS where there is a context, that never blocks. Used by one thread.
/// Errors: `cassandra-unreachable`, `cassandra-connection-lost` (transient), `cassandra-tls`
/// (external: a certificate that is not trusted).
class Transport {
 public:
  /// Begins to connect. A name is resolved here and now.
  static Result<std::unique_ptr<Transport>> connect(const Endpoint& endpoint,
                                                    std::shared_ptr<const TlsContext> tls);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int descriptor() const { return descriptor_; }
  /// What `poll` should wait for; POLLOUT while there is something to send is the caller's.
  short wanted() const { return wanted_; }
  /// Goes on with connecting. True: bytes can be sent and received.
  Result<bool> establish();
  /// Bytes received; 0: none for now. The other side's end is an error.
  Result<std::size_t> receive(std::span<char> room);
  /// Bytes taken; 0: none for now.
  Result<std::size_t> send(std::string_view bytes);

 private:
  struct Deleter {
    void operator()(ssl_st* session) const;
  };
  Transport(Endpoint endpoint, std::shared_ptr<const TlsContext> tls);

  struct Address {
    sockaddr_storage bytes{};
    socklen_t length = 0;
  };

  Status begin();
  /// Connects to the next of the name's addresses.
  Status begin_next();
  Status begin_tls();
  Result<bool> establish_tls();
  /// 0 for an operation that has to be tried again.
  Result<std::size_t> tls_result(int result, std::string_view doing);
  std::unexpected<Error> lost(std::string_view doing, int cause) const;

  const Endpoint endpoint_;
  const std::shared_ptr<const TlsContext> tls_;
  std::unique_ptr<ssl_st, Deleter> session_;
  std::vector<Address> addresses_;
  std::size_t next_address_ = 0;
  int descriptor_ = -1;
  short wanted_ = POLLIN;
  bool connected_ = false;
  bool established_ = false;
};

}  // namespace leat::connector::cql
