#include "connector/mongodb/socket_stream.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connector/mongodb/host_addresses.h"

namespace leat::connector::mongodb {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Any number that none of libmongoc's own streams has.
constexpr int stream_type = 1001;

struct SocketStream {
  mongoc_stream_t base;  ///< first: libmongoc knows the object by it
  int socket;
  int error;  ///< errno of the last call that failed
  const Interrupt* interrupt;
};

SocketStream& of(mongoc_stream_t* stream) { return *reinterpret_cast<SocketStream*>(stream); }

Interrupt::Instant instant_after(std::int64_t timeout_ms) {
  if (timeout_ms == 0) return {};
  return timeout_ms < 0 ? Interrupt::Instant::max()
                        : steady_clock::now() + milliseconds(timeout_ms);
}

/// Waits for any of `events`. 0, or the errno that says why not.
int wait_for(int socket, short events, Interrupt::Instant until, const Interrupt& interrupt) {
  for (;;) {
    if (interrupt.stopped()) return ECANCELED;
    pollfd waited{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&waited, 1, interrupt.slice_ms(until));
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
    if (interrupt.expired()) return ETIMEDOUT;
    // libmongoc asks with no time at all while it waits for several servers at once.
    if (steady_clock::now() >= until) return until == Interrupt::Instant() ? EAGAIN : ETIMEDOUT;
  }
}

ssize_t fail(SocketStream& stream, int error) {
  stream.error = error;
  errno = error;
  return -1;
}

/// Leaves out the bytes that were moved already; true: there are more.
bool advance(std::vector<iovec>& pieces, std::size_t& at, std::size_t bytes) {
  while (at < pieces.size() && bytes >= pieces[at].iov_len) bytes -= pieces[at++].iov_len;
  if (at == pieces.size()) return false;
  pieces[at].iov_base = static_cast<char*>(pieces[at].iov_base) + bytes;
  pieces[at].iov_len -= bytes;
  return true;
}

msghdr message_of(std::vector<iovec>& pieces, std::size_t at) {
  constexpr std::size_t pieces_max = 64;
  msghdr message{};
  message.msg_iov = pieces.data() + at;
  message.msg_iovlen = std::min(pieces.size() - at, pieces_max);
  return message;
}

ssize_t stream_writev(mongoc_stream_t* base, mongoc_iovec_t* given, std::size_t count,
                      std::int32_t timeout_ms) {
  SocketStream& stream = of(base);
  const auto until = instant_after(timeout_ms);
  std::vector<iovec> pieces(given, given + count);
  std::size_t at = 0;
  ssize_t total = 0;
  for (bool more = advance(pieces, at, 0); more;) {
    const msghdr message = message_of(pieces, at);
    const ssize_t sent = sendmsg(stream.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      total += sent;
      more = advance(pieces, at, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      const int error = wait_for(stream.socket, POLLOUT, until, *stream.interrupt);
      if (error == EAGAIN && total > 0) break;
      if (error != 0) return fail(stream, error);
    } else if (errno != EINTR) {
      return fail(stream, errno);
    }
  }
  return total;
}

ssize_t stream_readv(mongoc_stream_t* base, mongoc_iovec_t* given, std::size_t count,
                     std::size_t bytes_min, std::int32_t timeout_ms) {
  SocketStream& stream = of(base);
  const auto until = instant_after(timeout_ms);
  std::vector<iovec> pieces(given, given + count);
  std::size_t at = 0;
  std::size_t total = 0;
  for (bool more = advance(pieces, at, 0); more;) {
    msghdr message = message_of(pieces, at);
    const ssize_t received = recvmsg(stream.socket, &message, MSG_DONTWAIT);
    if (received > 0) {
      total += static_cast<std::size_t>(received);
      more = advance(pieces, at, static_cast<std::size_t>(received));
      if (total >= bytes_min) break;
    } else if (received == 0) {
      if (total < bytes_min || total == 0) return fail(stream, ECONNRESET);
      break;
    } else if (errno == EAGAIN) {
      if (total >= bytes_min && total > 0) break;
      if (const int error = wait_for(stream.socket, POLLIN, until, *stream.interrupt)) {
        return fail(stream, error);
      }
    } else if (errno != EINTR) {
      return fail(stream, errno);
    }
  }
  return static_cast<ssize_t>(total);
}

ssize_t stream_poll(mongoc_stream_poll_t* polled, std::size_t count, std::int32_t timeout_ms) {
  const auto until = instant_after(timeout_ms);
  std::vector<pollfd> waited(count);
  for (std::size_t i = 0; i < count; ++i) {
    waited[i] = {.fd = of(polled[i].stream).socket,
                 .events = static_cast<short>(polled[i].events),
                 .revents = 0};
  }
  const Interrupt& interrupt = *of(polled[0].stream).interrupt;
  // Those that never came about have failed already; poll() would pass them over.
  ssize_t broken = 0;
  for (std::size_t i = 0; i < count; ++i) {
    polled[i].revents = waited[i].fd < 0 ? POLLERR : 0;
    broken += waited[i].fd < 0;
  }
  if (broken > 0) return broken;
  for (;;) {
    if (interrupt.is_up()) {
      // All of them have failed, so that nobody goes on to wait for them.
      for (std::size_t i = 0; i < count; ++i) polled[i].revents = POLLERR;
      return static_cast<ssize_t>(count);
    }
    const int ready = poll(waited.data(), waited.size(), interrupt.slice_ms(until));
    if (ready < 0 && errno != EINTR) return -1;
    if (ready > 0 || steady_clock::now() >= until) {
      for (std::size_t i = 0; i < count; ++i) polled[i].revents = waited[i].revents;
      return ready;
    }
  }
}

int stream_close(mongoc_stream_t* base) {
  SocketStream& stream = of(base);
  const int closed = stream.socket < 0 ? 0 : close(stream.socket);
  stream.socket = -1;
  return closed;
}

void stream_destroy(mongoc_stream_t* base) {
  stream_close(base);
  bson_free(base);
}

bool stream_check_closed(mongoc_stream_t* base) {
  char byte = 0;
  const ssize_t received = recv(of(base).socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR);
}

int stream_set_option(mongoc_stream_t* base, int level, int name, void* value,
                      mongoc_socklen_t size) {
  return setsockopt(of(base).socket, level, name, value, size);
}

mongoc_stream_t* stream_over(int socket, const Interrupt& interrupt) {
  auto* stream = static_cast<SocketStream*>(bson_malloc0(sizeof(SocketStream)));
  stream->base.type = stream_type;
  stream->base.destroy = stream_destroy;
  stream->base.close = stream_close;
  stream->base.flush = [](mongoc_stream_t*) { return 0; };
  stream->base.writev = stream_writev;
  stream->base.readv = stream_readv;
  stream->base.setsockopt = stream_set_option;
  stream->base.check_closed = stream_check_closed;
  stream->base.poll = stream_poll;
  stream->base.failed = stream_destroy;
  stream->base.timed_out = [](mongoc_stream_t* base) { return of(base).error == ETIMEDOUT; };
  stream->base.should_retry = [](mongoc_stream_t* base) { return of(base).error == EAGAIN; };
  stream->socket = socket;
  stream->interrupt = &interrupt;
  return &stream->base;
}

/// 0, or the errno that says why not.
int connect_to(int socket, const HostAddress& address, Interrupt::Instant until,
               const Interrupt& interrupt) {
  if (connect(socket, address.get(), address.size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (const int error = wait_for(socket, POLLOUT, until, interrupt)) return error;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

mongoc_stream_t* broken_stream(const Interrupt& interrupt) { return stream_over(-1, interrupt); }

Result<mongoc_stream_t*> connect_socket(const std::string& host, std::uint16_t port,
                                        std::int64_t timeout_ms, const Interrupt& interrupt) {
  const auto until = instant_after(timeout_ms);
  const std::vector<HostAddress> addresses = LEAT_TRY(addresses_of(host, port, until, interrupt));
  int error = EADDRNOTAVAIL;
  for (const HostAddress& address : addresses) {
    const int socket = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) {
      error = errno;
      continue;
    }
    error = connect_to(socket, address, until, interrupt);
    if (error == 0) {
      const int on = 1;
      setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
      return stream_over(socket, interrupt);
    }
    close(socket);
    if (interrupt.is_up()) break;
  }
  return transient_error("mongodb-unreachable", "can't connect to {}:{}: {}", host, port,
                         std::strerror(error));
}

}  // namespace leat::connector::mongodb
