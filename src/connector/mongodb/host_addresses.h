#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "base/error.h"
#include "connector/mongodb/interrupt.h"

namespace leat::connector::mongodb {

/// A socket address, IPv4 or IPv6.
struct HostAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

/// Where a host is, in the order to try. Name servers that are silent are waited for until `until`
/// and no longer than the interrupt allows: the question then goes on by itself and its answer is
/// dropped.
///
/// Errors (external, retryable): `mongodb-unreachable`.
Result<std::vector<HostAddress>> addresses_of(const std::string& host, std::uint16_t port,
                                              Interrupt::Instant until, const Interrupt& interrupt);

}  // namespace leat::connector::mongodb
