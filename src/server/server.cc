#include "server/server.h"

#include <condition_variable>

#include <boost/asio/post.hpp>

#include "server/api_error.h"
#include "server/connection.h"
#include "server/dashboard.h"
#include "server/listener.h"
#include "server/live_feed.h"
#include "server/page.h"
#include "server/push_queue.h"
#include "server/queries.h"
#include "server/request_guard.h"
#include "server/services.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

std::vector<std::string> route_names(const Router& router) {
  std::vector<std::string> names;
  for (const Route& route : router.routes()) {
    names.push_back(fmt::format("{} {}", name_of(route.method), route.pattern));
  }
  return names;
}

/// Names of the routes in the metrics: 0 and 1 are not of the API.
std::vector<std::string> metric_names(const Router& router) {
  std::vector<std::string> names = {"none", "page"};
  std::ranges::move(route_names(router), std::back_inserter(names));
  return names;
}

std::vector<std::unique_ptr<IoThread>> make_threads(unsigned count) {
  std::vector<std::unique_ptr<IoThread>> threads;
  for (unsigned i = 0; i < count; ++i) threads.push_back(std::make_unique<IoThread>());
  return threads;
}

constexpr std::size_t page_route = 1;
constexpr std::size_t first_api_route = 2;

}  // namespace

std::vector<Route> all_routes(Services& services) {
  std::vector<Route> routes;
  // Pushes first: they are looked for the most.
  for (const auto group :
       {push_routes, sql_routes, view_routes, changes_routes, topic_routes, pipeline_routes,
        change_routes, snapshot_routes, dashboard_routes, health_routes}) {
    std::ranges::move(group(services), std::back_inserter(routes));
  }
  return routes;
}

/// Everything that runs while the server does, in the order in which it can be taken apart.
class Server::Running final : public Dispatcher {
 public:
  Running(runtime::Engine& engine, ServerOptions options, std::unique_ptr<Queries> queries);
  ~Running() override { stop(std::chrono::milliseconds(0)); }

  Status start();
  void stop(std::chrono::milliseconds limit);
  void handle(Request request, Exchange exchange) override;

  const ServerOptions& options() const { return options_; }
  const Listener& listener() const { return listener_; }
  const Router& router() const { return router_; }

 private:
  void refuse(const Router::Match& match, const Request& request, Exchange exchange) const;

  const ServerOptions options_;
  std::unique_ptr<Queries> queries_;
  WorkPool work_;
  PushQueue push_;
  LiveFeed live_;
  Dashboard dashboard_;
  Services services_;
  Router router_;
  HttpMetrics metrics_;
  ConnectionShared shared_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  Listener listener_;
  std::optional<RequestGuard> guard_;
  bool stopped_ = false;
};

Server::Running::Running(runtime::Engine& engine, ServerOptions options,
                         std::unique_ptr<Queries> queries)
    : options_(std::move(options)),
      queries_(std::move(queries)),
      work_(options_.work_threads, options_.limits.work_waiting_max),
      push_(engine, options_.limits, options_.push_threads),
      // Nobody counts before the first connection, so the metrics can be made after the routes
      // that they are named by.
      live_(engine, metrics_, options_.limits),
      dashboard_(engine, *queries_),
      services_{engine, options_, metrics_, work_, push_, live_, dashboard_, *queries_},
      router_(all_routes(services_)),
      metrics_(metric_names(router_)),
      shared_{options_.limits, *this, metrics_, BodyBudget(options_.limits.bodies_bytes_max)},
      threads_(make_threads(std::max(1u, options_.io_threads))),
      listener_(threads_, shared_) {}

Status Server::Running::start() {
  LEAT_TRY(listener_.open(options_));
  guard_.emplace(listener_.is_loopback(), options_.hosts);
  for (const auto& thread : threads_) thread->start();
  listener_.start();
  return {};
}

void Server::Running::stop(std::chrono::milliseconds limit) {
  if (std::exchange(stopped_, true)) return;
  shared_.stopping = true;
  boost::asio::post(threads_.front()->context(), [this] { listener_.close(); });
  live_.stop();
  for (const auto& thread : threads_) {
    boost::asio::post(thread->context(), [&thread] { thread->close_idle(); });
  }
  shared_.drain.wait(limit);
  // Without their clients, and with their queries cancelled, those who write answers end soon.
  queries_->cancel();
  for (const auto& thread : threads_) thread->stop();
  dashboard_.stop();
  push_.stop();
  work_.stop();
}

void Server::Running::refuse(const Router::Match& match, const Request& request,
                             Exchange exchange) const {
  const std::string_view path = request.path();
  if (match.allowed.empty()) {
    return exchange.reply(response_of(
        Error{Domain::user, "unknown-route",
              fmt::format("there is nothing at {}{}; GET /v1/openapi.json lists what there is",
                          path.substr(0, 255), router_.did_you_mean(path)),
              false}));
  }
  Response response =
      response_of(Error{Domain::user, "method-not-allowed",
                        fmt::format("{} takes {}", path.substr(0, 255), match.allowed), false});
  response.add_header("Allow", match.allowed);
  exchange.reply(std::move(response));
}

void Server::Running::handle(Request request, Exchange exchange) {
  if (const Status admitted = guard_->admit(request); !admitted) {
    return exchange.reply(response_of(admitted.error()));
  }
  const Router::Match match = router_.match(request.method, request.path());
  if (match.route == nullptr) {
    const bool reads = request.method == Method::get || request.method == Method::head;
    exchange.set_route(page_route);
    if (reads && match.allowed.empty() && answer_page(request, exchange)) return;
    exchange.set_route(0);
    return refuse(match, request, std::move(exchange));
  }
  exchange.set_route(match.number + first_api_route);
  auto parameter = percent_decode(match.parameter, false);
  if (!parameter) return exchange.reply(response_of(parameter.error()));
  request.parameter = std::move(*parameter);
  match.route->handle(std::move(request), std::move(exchange));
}

Result<std::unique_ptr<Server>> Server::start(runtime::Engine& engine, ServerOptions options) {
  auto queries = LEAT_TRY(Queries::open(engine, options.limits));
  auto running = std::make_unique<Running>(engine, std::move(options), std::move(queries));
  LEAT_TRY(running->start());
  return std::unique_ptr<Server>(new Server(std::move(running)));
}

Server::Server(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Server::~Server() = default;

void Server::stop(std::chrono::milliseconds limit) { running_->stop(limit); }

std::uint16_t Server::port() const { return running_->listener().port(); }

int Server::duplicate_listener() const { return running_->listener().duplicate(); }

std::vector<std::string> Server::routes() const { return route_names(running_->router()); }

std::string Server::url() const {
  const std::string& host = running_->options().host;
  const bool six = host.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", six ? "[" : "", host, six ? "]" : "", port());
}

}  // namespace leat::server
