#pragma once

#include <string>
#include <string_view>

struct sockaddr;

namespace leat::connector {

/// Where an address leads, as far as a server that fetches on somebody's word has to know.
enum class Reach {
  loopback,  ///< this machine: 127.0.0.0/8, ::1
  internal,  ///< private, link-local, multicast, reserved: never the public Internet's
  open,      ///< anywhere on the public Internet
};

/// Reach of an IPv4 or IPv6 address; IPv6 forms that carry an IPv4 address (mapped, compatible,
/// NAT64, 6to4) count as that one, Teredo and other families are internal.
Reach reach_of(const sockaddr& address);

/// The reach of a host that is written as an address ("127.0.0.1", "[::1]") or `localhost`; `open`
/// for any other name, which must be resolved first.
Reach reach_of_literal(std::string_view host);

/// "10.0.0.7", for messages.
std::string address_text(const sockaddr& address);

}  // namespace leat::connector
