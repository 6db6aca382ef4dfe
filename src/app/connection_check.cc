#include "app/connection_check.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/connectors.h"

namespace leat::app {
namespace {

/// A system that has not answered by then is taken for unreachable.
constexpr std::chrono::seconds try_max{20};

/// Calls `attempt`, and asks it to stop when it takes too long.
Result<std::string> within_bound(
    const std::function<Result<std::string>(std::stop_token)>& attempt) {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  std::stop_source stop;
  const std::jthread guard([&] {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, try_max, [&] { return done; })) stop.request_stop();
  });
  Result<std::string> found = attempt(stop.get_token());
  {
    std::lock_guard lock(mutex);
    done = true;
  }
  changed.notify_all();
  if (stop.stop_requested() && !found) {
    return transient_error("no-answer", "no answer within {} s ({})", try_max.count(),
                           found.error().message);
  }
  return found;
}

Result<std::string> try_sink(const runtime::Connectors::Sink& maker, const pipeline::Graph& graph,
                             const pipeline::SinkNode& node, const connector::Context& context) {
  const connector::SinkInput input = pipeline::sink_input_of(graph, node);
  const auto sink = LEAT_TRY(maker.remote(input, node.settings, context));
  return within_bound([&](std::stop_token stop) { return sink->probe(std::move(stop)); });
}

/// Empty where there is nothing to try.
Result<std::string> try_source(const runtime::Connectors::Source& maker,
                               const pipeline::SourceNode& node, connector::Context context) {
  context.owner = node.pipeline + "." + node.name;
  const auto probed = [](auto& source) {
    return within_bound([&](std::stop_token stop) -> Result<std::string> {
      return LEAT_TRY(source->probe(std::move(stop))).value_or("");
    });
  };
  if (maker.live) {
    const auto source = LEAT_TRY(maker.live(node.settings, context));
    return probed(source);
  }
  const auto source = LEAT_TRY(maker.replayable(node.settings, context));
  return probed(source);
}

Result<std::string> try_table(const runtime::Connectors::Table& make,
                              const pipeline::TableNode& node, connector::Context context) {
  context.owner = node.pipeline + "." + node.name;
  const auto table = LEAT_TRY(make(pipeline::table_input_of(node), node.settings, context));
  return within_bound([&](std::stop_token stop) { return table->probe(std::move(stop)); });
}

bool on_our_own_disk(const std::string& connector) {
  return connector == "file" || connector == "random_user";
}

}  // namespace

std::vector<Connection> try_connections(const pipeline::Graph& graph,
                                        const connector::Context& context) {
  const runtime::Connectors all = connectors();
  std::vector<Connection> tried;
  if (const auto& log = graph.log) {
    const auto probe = [&](std::stop_token stop) {
      return all.logs.at(log->connector).probe(log->settings, context, std::move(stop));
    };
    tried.push_back({"topics", log->connector, "log", within_bound(probe)});
  }
  for (const pipeline::SourceNode& node : graph.sources) {
    const auto found = all.sources.find(node.connector);
    if (found == all.sources.end() || on_our_own_disk(node.connector)) continue;
    auto what = try_source(found->second, node, context);
    if (what && what->empty()) continue;
    tried.push_back({node.name, node.connector, "source", std::move(what)});
  }
  for (const pipeline::TableNode& node : graph.tables) {
    if (node.kept) continue;  // its file has been looked at already
    tried.push_back({node.name, node.connector, "table",
                     try_table(all.tables.at(node.connector), node, context)});
  }
  for (const pipeline::SinkNode& node : graph.sinks) {
    if (!all.is_remote(node.connector)) continue;
    tried.push_back({node.name, node.connector, "sink",
                     try_sink(all.sinks.at(node.connector), graph, node, context)});
  }
  return tried;
}

}  // namespace leat::app
