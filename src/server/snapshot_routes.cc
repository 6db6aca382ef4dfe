#include <nlohmann/json.hpp>

#include "server/api_error.h"
#include "server/request_guard.h"
#include "server/services.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

Result<std::string> directory_in(const Request& request) {
  const auto json = nlohmann::json::parse(request.body, nullptr, false);
  const auto example = R"({"directory": "/var/backups/leat-1"})";
  if (!json.is_object() || json.size() != 1 || !json.contains("directory") ||
      !json["directory"].is_string()) {
    return user_error("bad-parameter", "the body should be like {}", example);
  }
  const std::string directory = json["directory"];
  if (!directory.starts_with('/') || directory.find('\0') != std::string::npos) {
    return user_error("bad-parameter",
                      "`directory` must be a path from the root of the server's machine, like {}",
                      example);
  }
  return directory;
}

/// Whoever may ask for it has files written where he says.
Result<std::string> admitted(const Services& services, const Request& request) {
  if (!is_loopback_name(services.options.host)) {
    return user_error("not-local",
                      "this server listens on {}, and writes snapshots only where just its own "
                      "machine can ask for them; listen on 127.0.0.1, or take the snapshot of the "
                      "data directory at rest",
                      services.options.host);
  }
  return directory_in(request);
}

void take(Services& services, const std::string& directory, Exchange exchange) {
  const Status written = services.engine.write_snapshot(directory);
  if (!written) return exchange.reply(response_of(written.error()));
  Response response;
  response.content_type = content_type_json;
  response.body = nlohmann::json({{"directory", directory}}).dump() + "\n";
  exchange.reply(std::move(response));
}

}  // namespace

std::vector<Route> snapshot_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back({Method::post, "/v1/snapshot", [&services](Request request, Exchange exchange) {
                      auto directory = admitted(services, request);
                      if (!directory) return exchange.reply(response_of(directory.error()));
                      services.work.submit(
                          std::move(exchange),
                          [&services, directory = std::move(*directory)](Exchange waiting) {
                            take(services, directory, std::move(waiting));
                          });
                    }});
  return routes;
}

}  // namespace leat::server
