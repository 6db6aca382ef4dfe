#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/spec.h"

namespace leat::connector::postgresql {

/// One server that may be tried.
struct Host {
  std::string name;  ///< or the folder of a Unix socket
  std::string port;
  std::string address;  ///< numeric, where the user gives it

  bool is_socket_folder() const { return name.starts_with('/') || name.starts_with('@'); }
};

/// What a connection is made with. Pure data.
struct ConnectOptions {
  std::vector<Host> hosts;  ///< tried in this order
  /// libpq's keywords and values, all but the hosts; may hold secrets.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string shown;                    ///< "app@db.example.com:5432/shop": for messages
  std::int64_t connect_timeout_ms = 0;  ///< of one address
  std::int64_t timeout_ms = 0;          ///< without any sign of the server
};

/// The settings that every connection has: `uri` and what goes with it.
std::vector<Setting> connection_settings();

/// Errors (user): `bad-uri`, `bad-tls`.
Result<ConnectOptions> connect_options(const Settings& settings, const Context& context,
                                       const std::string& application);

}  // namespace leat::connector::postgresql
