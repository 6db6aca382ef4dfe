#include "server/services.h"
#include "server/status_json.h"

namespace leat::server {
namespace {

Response json_response(const Json& json) {
  Response response;
  response.content_type = content_type_json;
  response.body = text_of(json) + "\n";
  return response;
}

}  // namespace

std::vector<Route> pipeline_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back({Method::get, "/v1/pipeline", [&services](Request, Exchange exchange) {
                      exchange.reply(json_response(
                          pipeline_json(services.engine.graph(), services.engine.status())));
                    }});
  routes.push_back(
      {Method::get, "/v1/pipeline/definitions", [&services](Request, Exchange exchange) {
         exchange.reply(
             json_response(definitions_json(runtime::committed_pipeline(services.engine))));
       }});
  routes.push_back({Method::get, "/v1/topics", [&services](Request, Exchange exchange) {
                      exchange.reply(json_response(topics_json(services.engine.status())));
                    }});
  routes.push_back({Method::get, "/v1/status", [&services](Request, Exchange exchange) {
                      exchange.reply(json_response(status_json(services.engine.status())));
                    }});
  return routes;
}

}  // namespace leat::server
