#include "server/api_error.h"
#include "server/assets.h"
#include "server/metrics_text.h"
#include "server/services.h"

namespace leat::server {
namespace {

Response text_response(std::string text) {
  Response response;
  response.content_type = content_type_text;
  response.body = std::move(text);
  return response;
}

Response readiness(const runtime::Engine& engine) {
  const runtime::EngineStatus status = engine.status();
  if (!status.failure.empty()) {
    return response_of(
        Error{Domain::external, "failed", "the engine can't go on: " + status.failure, false});
  }
  if (!status.ready) {
    return response_of(
        Error{Domain::external, "not-ready", "the engine is recovering; ask again soon", true});
  }
  return text_response("ready\n");
}

}  // namespace

std::vector<Route> health_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back({Method::get, "/healthz",
                    [](Request, Exchange exchange) { exchange.reply(text_response("alive\n")); }});
  routes.push_back({Method::get, "/readyz", [&services](Request, Exchange exchange) {
                      exchange.reply(readiness(services.engine));
                    }});
  routes.push_back({Method::get, "/metrics", [&services](Request, Exchange exchange) {
                      Response response = text_response(metrics_text(
                          services.engine.status(), services.metrics, services.options.version));
                      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                      exchange.reply(std::move(response));
                    }});
  routes.push_back({Method::get, "/v1/openapi.json", [](Request, Exchange exchange) {
                      Response response;
                      response.content_type = content_type_json;
                      response.static_body = openapi_document();
                      exchange.reply(std::move(response));
                    }});
  return routes;
}

}  // namespace leat::server
