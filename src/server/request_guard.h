#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "server/request.h"

namespace leat::server {

/// Keeps other web sites out of a browser on this machine: they can't reach Leat under a name of
/// their own (DNS rebinding), nor change anything in it (cross-site requests). Immutable.
class RequestGuard {
 public:
  /// `loopback`: only loopback names and `hosts` may stand in Host; otherwise only `hosts`, or any
  /// when there are none.
  RequestGuard(bool loopback, std::vector<std::string> hosts);

  /// Errors `host-refused`, `origin-refused` (user).
  Status admit(const Request& request) const;

 private:
  bool is_host_allowed(std::string_view host) const;

  const bool loopback_;
  const std::vector<std::string> hosts_;
};

/// The host of "host:port", "[::1]:8080" or "host", without brackets.
std::string_view host_without_port(std::string_view authority);

/// An address or name that only this machine reaches: 127.0.0.0/8, ::1, localhost, *.localhost.
bool is_loopback_name(std::string_view host);

}  // namespace leat::server
