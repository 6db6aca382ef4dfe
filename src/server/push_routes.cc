#include <map>

#include "model/nearest_name.h"
#include "server/api_error.h"
#include "server/push_body.h"
#include "server/push_queue.h"
#include "server/services.h"
#include "server/work_pool.h"

namespace leat::server {
namespace {

/// A longer body, and every compressed one, is read in the work pool: the connections of its I/O
/// thread don't wait for it.
constexpr std::size_t read_at_once_max = 256 << 10;

/// The topics that can be pushed to, by name.
class PushTopics {
 public:
  explicit PushTopics(const pipeline::Graph& graph) : graph_(graph) {
    for (const auto& topic : graph.topics) {
      if (!topic.source.empty()) continue;
      topics_.try_emplace(topic.name, topic.name, topic.partitions);
    }
  }

  Result<PushTopic*> find(const std::string& name) {
    const auto found = topics_.find(name);
    if (found != topics_.end()) return &found->second;
    for (const auto& topic : graph_.topics) {
      if (topic.name != name) continue;
      return user_error("not-pushable",
                        "topic `{}` is the source `{}` itself; `copy: true` in that source's "
                        "topic makes it one that can be pushed to",
                        name, topic.source);
    }
    std::vector<std::string_view> names;
    for (const auto& [known, topic] : topics_) names.push_back(known);
    return user_error("unknown-topic", "there is no topic `{}`{}; GET /v1/topics lists them", name,
                      did_you_mean(name, names));
  }

 private:
  const pipeline::Graph& graph_;
  std::map<std::string, PushTopic> topics_;
};

void read_and_submit(Services& services, Request& request, std::unique_ptr<PushJob> job) {
  const auto read = read_push(request, services.options.limits.decompressed_bytes_max, *job);
  if (!read) return job->exchange.reply(response_of(read.error()));
  services.push.submit(std::move(job));
}

void answer(Services& services, PushTopics& topics, Request request, Exchange exchange) {
  const auto topic = topics.find(request.parameter);
  if (!topic) return exchange.reply(response_of(topic.error()));
  if (request.body.size() <= read_at_once_max && !request.has(Header::content_encoding)) {
    auto job = std::make_unique<PushJob>(std::move(exchange));
    job->topic = *topic;
    return read_and_submit(services, request, std::move(job));
  }
  services.work.submit(
      std::move(exchange),
      [&services, topic = *topic, request = std::move(request)](Exchange waiting) mutable {
        auto job = std::make_unique<PushJob>(std::move(waiting));
        job->topic = topic;
        read_and_submit(services, request, std::move(job));
      });
}

}  // namespace

std::vector<Route> push_routes(Services& services) {
  auto topics = std::make_shared<PushTopics>(services.engine.graph());
  std::vector<Route> routes;
  routes.push_back({Method::post, "/v1/topics/{topic}/records",
                    [&services, topics](Request request, Exchange exchange) {
                      answer(services, *topics, std::move(request), std::move(exchange));
                    }});
  return routes;
}

}  // namespace leat::server
