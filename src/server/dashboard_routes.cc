#include "server/dashboard.h"
#include "server/services.h"
#include "server/work_pool.h"

namespace leat::server {

std::vector<Route> dashboard_routes(Services& services) {
  std::vector<Route> routes;
  routes.push_back({Method::get, "/v1/dashboard", [&services](Request, Exchange exchange) {
                      services.work.submit(std::move(exchange), [&services](Exchange waiting) {
                        Response response;
                        response.content_type = content_type_json;
                        response.body = services.dashboard.document();
                        waiting.reply(std::move(response));
                      });
                    }});
  routes.push_back({Method::get, "/v1/dashboard/events", [&services](Request, Exchange exchange) {
                      services.live.add(exchange.stream(event_stream_head(), true),
                                        services.dashboard.follow());
                    }});
  return routes;
}

}  // namespace leat::server
