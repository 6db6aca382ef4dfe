#pragma once

#include <string>
#include <vector>

#include "runtime/engine.h"
#include "server/http_metrics.h"
#include "server/options.h"
#include "server/router.h"

namespace leat::server {

class Dashboard;
class LiveFeed;
class PushQueue;
class Queries;
class WorkPool;

/// What route handlers work with. Everything in it is thread-safe and outlives the routes.
struct Services {
  runtime::Engine& engine;
  const ServerOptions& options;
  HttpMetrics& metrics;
  WorkPool& work;
  PushQueue& push;
  LiveFeed& live;
  Dashboard& dashboard;
  Queries& queries;
};

/// The routes by group, each in the file of that name.
std::vector<Route> push_routes(Services& services);
std::vector<Route> sql_routes(Services& services);
std::vector<Route> view_routes(Services& services);
std::vector<Route> changes_routes(Services& services);
std::vector<Route> topic_routes(Services& services);
std::vector<Route> pipeline_routes(Services& services);
std::vector<Route> change_routes(Services& services);
std::vector<Route> snapshot_routes(Services& services);
std::vector<Route> dashboard_routes(Services& services);
std::vector<Route> health_routes(Services& services);

/// All of them: what the server runs and what openapi.json describes.
std::vector<Route> all_routes(Services& services);

}  // namespace leat::server
