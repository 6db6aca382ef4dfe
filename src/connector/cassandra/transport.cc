#include "connector/cassandra/transport.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace leat::connector::cql {
namespace {

/// The oldest reason that OpenSSL has to tell.
std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("OpenSSL error {:#x}", code);
}

std::unexpected<Error> bad_file(std::string_view what, const std::string& file) {
  return user_error("tls-files", "the {} in {} can't be read ({}); it must be a PEM file", what,
                    file, tls_reason());
}

bool is_address(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

void TlsContext::Deleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsOptions& options) {
  auto made = std::make_shared<TlsContext>();
  made->options_ = options;
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return internal_error("tls-files", "OpenSSL: {}", tls_reason());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ERR_clear_error();
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) != 1) {
    return bad_file("certificate authority", options.ca_file);
  }
  if (!options.certificate_file.empty() &&
      SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return bad_file("certificate", options.certificate_file);
  }
  const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
  if (!key.empty() && (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
                       SSL_CTX_check_private_key(context) != 1)) {
    return bad_file("key", key);
  }
  return std::shared_ptr<const TlsContext>(std::move(made));
}

std::string Endpoint::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  Endpoint endpoint{.host = std::string(text), .port = default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return user_error("invalid-host", "`{}` has no closing `]`", text);
    }
    endpoint.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == text.npos) {
    endpoint.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (endpoint.host.empty()) {
    return user_error("invalid-host", "`{}` names no host; write `host` or `host:port`", text);
  }
  if (port.empty()) return endpoint;
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
    return user_error("invalid-host", "`{}` has no valid port; write `host:9042`", text);
  }
  return endpoint;
}

void Transport::Deleter::operator()(ssl_st* session) const { SSL_free(session); }

Transport::Transport(Endpoint endpoint, std::shared_ptr<const TlsContext> tls)
    : endpoint_(std::move(endpoint)), tls_(std::move(tls)) {}

Transport::~Transport() {
  session_.reset();
  if (descriptor_ >= 0) close(descriptor_);
}

Result<std::unique_ptr<Transport>> Transport::connect(const Endpoint& endpoint,
                                                      std::shared_ptr<const TlsContext> tls) {
  std::unique_ptr<Transport> made(new Transport(endpoint, std::move(tls)));
  LEAT_TRY(made->begin());
  return made;
}

Status Transport::begin() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (is_address(endpoint_.host) ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* found = nullptr;
  const int failure =
      getaddrinfo(endpoint_.host.c_str(), std::to_string(endpoint_.port).c_str(), &hints, &found);
  if (failure != 0) {
    return transient_error("cassandra-unreachable", "{} can't be resolved: {}", endpoint_.host,
                           gai_strerror(failure));
  }
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Address& address = addresses_.emplace_back();
    std::memcpy(&address.bytes, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
  }
  freeaddrinfo(found);
  return begin_next();
}

Status Transport::begin_next() {
  int cause = EADDRNOTAVAIL;
  while (next_address_ < addresses_.size()) {
    const Address& address = addresses_[next_address_++];
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return lost("opening a socket", errno);
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    wanted_ = POLLOUT;
    const int result =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address.bytes), address.length);
    if (result == 0 || errno == EINPROGRESS) return {};
    cause = errno;
  }
  return lost("connecting", cause);
}

std::unexpected<Error> Transport::lost(std::string_view doing, int cause) const {
  if (!connected_) {
    return transient_error("cassandra-unreachable",
                           "Cassandra at {} can't be reached: {}; is it running, and is "
                           "that its CQL port?",
                           endpoint_.text(), std::strerror(cause));
  }
  return transient_error("cassandra-connection-lost",
                         "the connection to Cassandra at {} broke "
                         "while {}: {}",
                         endpoint_.text(), doing,
                         cause == 0 ? "the other side closed it" : std::strerror(cause));
}

Result<bool> Transport::establish() {
  if (established_) return true;
  if (!connected_) {
    pollfd ready{descriptor_, POLLOUT, 0};
    if (poll(&ready, 1, 0) == 0) return false;
    int cause = 0;
    socklen_t length = sizeof cause;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &cause, &length);
    if (cause != 0) {
      // A name can have several addresses, such as ::1 and 127.0.0.1 of localhost.
      if (next_address_ == addresses_.size()) return lost("connecting", cause);
      LEAT_TRY(begin_next());
      return false;
    }
    connected_ = true;
    wanted_ = POLLIN;
    if (tls_ != nullptr) LEAT_TRY(begin_tls());
  }
  established_ = tls_ == nullptr || LEAT_TRY(establish_tls());
  return established_;
}

Status Transport::begin_tls() {
  ERR_clear_error();
  session_.reset(SSL_new(tls_->handle()));
  if (session_ == nullptr) return internal_error("cassandra-tls", "OpenSSL: {}", tls_reason());
  const std::string& configured = tls_->options().server_name;
  const std::string& name = configured.empty() ? endpoint_.host : configured;
  X509_VERIFY_PARAM* checks = SSL_get0_param(session_.get());
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str());
  } else {
    SSL_set_tlsext_host_name(session_.get(), name.c_str());
    X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
  SSL_set_fd(session_.get(), descriptor_);
  SSL_set_connect_state(session_.get());
  return {};
}

Result<bool> Transport::establish_tls() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) {
    wanted_ = POLLIN;
    return true;
  }
  const long verdict = SSL_get_verify_result(session_.get());
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_SSL && verdict != X509_V_OK) {
    return external_error(
        "cassandra-tls",
        "the certificate of Cassandra at {} is not trusted: {}; set `tls: {{ca: FILE}}` to the "
        "authority that signed it, and connect to a name or address that it names",
        endpoint_.text(), X509_verify_cert_error_string(verdict));
  }
  LEAT_TRY(tls_result(result, "negotiating TLS"));
  return false;
}

Result<std::size_t> Transport::tls_result(int result, std::string_view doing) {
  const int cause = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wanted_ = POLLIN;
      return 0;
    case SSL_ERROR_WANT_WRITE:
      wanted_ = POLLIN | POLLOUT;
      return 0;
    case SSL_ERROR_ZERO_RETURN:
      return lost(doing, 0);
    case SSL_ERROR_SYSCALL:
      return lost(doing, cause);
    default:
      return external_error("cassandra-tls",
                            "TLS with Cassandra at {} failed while {}: {}; does the server speak "
                            "TLS on this port (`client_encryption_options`), and does it want a "
                            "certificate of ours?",
                            endpoint_.text(), doing, tls_reason());
  }
}

Result<std::size_t> Transport::receive(std::span<char> room) {
  if (session_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_read(session_.get(), room.data(), static_cast<int>(room.size()));
    if (result > 0) {
      wanted_ = POLLIN;
      return static_cast<std::size_t>(result);
    }
    return tls_result(result, "receiving");
  }
  while (true) {
    const ssize_t result = recv(descriptor_, room.data(), room.size(), 0);
    if (result > 0) return static_cast<std::size_t>(result);
    if (result == 0) return lost("receiving", 0);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return lost("receiving", errno);
  }
}

Result<std::size_t> Transport::send(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (session_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_write(session_.get(), bytes.data(),
                                 static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 24)));
    if (result > 0) return static_cast<std::size_t>(result);
    return tls_result(result, "sending");
  }
  while (true) {
    const ssize_t result = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (result >= 0) return static_cast<std::size_t>(result);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return lost("sending", errno);
  }
}

}  // namespace leat::connector::cql
