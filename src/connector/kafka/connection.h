#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/context.h"
#include "connector/spec.h"

namespace leat::connector::kafka {

/// How to reach a cluster. Pure data, with secrets: never printed as a whole.
struct Connection {
  std::string brokers;  ///< host:port, separated by commas
  /// librdkafka's, from `tls` and `sasl`.
  std::map<std::string, std::string> properties;
  /// librdkafka's, from `settings`.
  std::map<std::string, std::string> settings;
  std::string token;       ///< for OAUTHBEARER without a token endpoint
  std::string token_file;  ///< read anew whenever a token is wanted
  std::int64_t connect_timeout_ms = 0;
};

/// The settings that source, sink and log share: brokers, tls, sasl, settings, connect_timeout.
std::vector<Setting> connection_settings();
/// What sink and log share: `replication`, of a topic that is made.
Setting replication_setting();

/// Checks them too, as far as that is possible without connecting. Error `kafka-setting` (user).
Result<Connection> read_connection(const Settings& settings, const Context& context);

}  // namespace leat::connector::kafka
