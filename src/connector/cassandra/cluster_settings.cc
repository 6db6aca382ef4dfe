#include "connector/cassandra/cluster_settings.h"

#include <spdlog/spdlog.h>

namespace leat::connector::cql {
namespace {

Result<std::shared_ptr<const TlsContext>> read_tls(const Settings& settings,
                                                   const Context& context) {
  if (!settings.has("tls")) return std::shared_ptr<const TlsContext>();
  const Settings& tls = settings.group("tls");
  const auto path = [&](const char* name) {
    const std::string& written = tls.text(name);
    return written.empty() ? std::string() : context.path(written);
  };
  return TlsContext::make({.ca_file = path("ca"),
                           .certificate_file = path("cert"),
                           .key_file = path("key"),
                           .server_name = tls.text("server_name")});
}

}  // namespace

Result<ClusterOptions> read_cluster(const std::string& who, const Settings& settings,
                                    const Context& context) {
  ClusterOptions cluster;
  const auto port = static_cast<std::uint16_t>(settings.integer("port"));
  for (const std::string& host : settings.list("hosts")) {
    cluster.hosts.push_back(LEAT_TRY(parse_endpoint(host, port)));
  }
  if (cluster.hosts.empty()) {
    return user_error("invalid-host", "`hosts` names no node of Cassandra");
  }
  cluster.datacenter = settings.text("datacenter");
  ConnectionOptions& connection = cluster.connection;
  connection.username = settings.text("username");
  connection.password = settings.text("password");
  connection.tls = LEAT_TRY(read_tls(settings, context));
  connection.lz4 = settings.text("compression") == "lz4";
  connection.version_max = settings.text("protocol") == "4" ? 4 : 5;
  connection.request_timeout = std::chrono::milliseconds(settings.duration_ms("timeout"));
  connection.connect_timeout = std::chrono::milliseconds(settings.duration_ms("connect_timeout"));
  cluster.on_notice = [who](const std::string& text) { spdlog::warn("{}: {}", who, text); };
  return cluster;
}

}  // namespace leat::connector::cql
