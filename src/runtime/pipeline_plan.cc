#include "runtime/pipeline_plan.h"

#include <algorithm>
#include <functional>
#include <set>

namespace leat::runtime {
namespace {

using Fate = NodeChange::Fate;

/// Why a node is rebuilt.
std::vector<std::string> reasons_for(const std::string& node, const PipelineChange& change) {
  std::vector<std::string> reasons;
  const NodeChange& what = change.nodes().at(node);
  for (const std::string& item : what.items) reasons.push_back("another " + item);
  if (what.input.empty()) return reasons;
  const bool is_new = change.fate_of(what.input) == Fate::added;
  std::string input = what.input;
  input.replace(input.find('/'), 1, " ");
  reasons.push_back(fmt::format("{} is {}", input, is_new ? "new" : "rebuilt"));
  return reasons;
}

/// Topics whose records the computed streams and views are made of.
std::set<std::string> topics_below(const Definitions& now, const PipelineChange& change) {
  std::set<std::string> seen;
  const std::function<void(const std::string&)> visit = [&](const std::string& node) {
    if (!seen.insert(node).second || !now.contains(node)) return;
    if (!has_state(node)) return;
    for (const std::string& input : inputs_of(now.at(node))) visit(input);
  };
  for (const auto& [node, definition] : now) {
    if (change.is_computed(node)) visit(node);
  }
  std::erase_if(seen, [](const std::string& node) { return !node.starts_with("topic/"); });
  return seen;
}

/// `replayed`: a view that begins where the user says, whatever was before that.
void add_topics(const CommittedPipeline& before, const Definitions& now,
                const PipelineChange& change, const std::string& replayed, PipelinePlan& plan) {
  for (const std::string& topic : topics_below(now, change)) {
    PipelinePlan::ReadAgain again;
    bool removed = false;
    const auto definition = now.find(topic);
    if (definition != now.end() && definition->second.contains("source")) {
      const auto source = now.find("source/" + definition->second.at("source"));
      again.bytes = source != now.end() && source->second.contains("connector") &&
                    source->second.at("connector") == "file";
    }
    const std::string name = topic.substr(topic.find('/') + 1);
    for (const auto& [id, read] : before.inputs) {
      if (!id.starts_with(name + "/")) continue;
      again.amount +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, read.position - read.first));
      removed |= read.first > Offset(0);
    }
    if (removed && replayed.empty()) {
      plan.hindrances.push_back(
          fmt::format("retention has removed records of topic {} that would be needed", name));
    }
    plan.topics[name] = again;
  }
}

void add_sinks(const CommittedPipeline& before, const Definitions& now,
               const PipelineChange& change, PipelinePlan& plan) {
  for (const auto& [node, sink] : before.definitions) {
    if (!node.starts_with("sink/") || !now.contains(node) || !sink.contains("from")) continue;
    const std::string& from = sink.at("from");
    if (!change.computes_rows_of(from)) continue;
    plan.hindrances.push_back(fmt::format("sink {} may have written rows of {} already",
                                          node.substr(node.find('/') + 1), from));
  }
}

/// Rows that are kept nowhere can't be given to a sink that is new to them.
void add_new_sinks(const CommittedPipeline& before, const pipeline::Graph& graph,
                   const Connectors& connectors, const PipelineChange& change, PipelinePlan& plan) {
  for (const pipeline::SinkNode& sink : graph.sinks) {
    if (sink.from_topic || before.definitions.contains("sink/" + sink.name)) continue;
    if (!connectors.is_remote(sink.connector)) continue;
    if (pipeline::keeps_rows(graph, sink.from) || !change.computes_rows_of(sink.from)) continue;
    plan.hindrances.push_back(
        fmt::format("sink {} would be without the rows of {} so far", sink.name, sink.from));
  }
}

}  // namespace

bool PipelinePlan::changes() const {
  return std::ranges::any_of(
      nodes, [](const auto& node) { return node.second.fate != NodeChange::Fate::kept; });
}

namespace {

/// `replayed`: a view that is computed anew all the same; empty: none.
PipelinePlan whole_plan(const CommittedPipeline& before, const pipeline::Graph& graph,
                        const Connectors& connectors, const std::string& replayed) {
  const Definitions now = definitions_of(graph);
  const PipelineChange change(before.definitions, now, replayed);
  PipelinePlan plan;
  plan.nodes = change.nodes();
  for (const auto& [node, what] : change.nodes()) plan.reasons[node] = reasons_for(node, change);
  add_topics(before, now, change, replayed, plan);
  add_sinks(before, now, change, plan);
  add_new_sinks(before, graph, connectors, change, plan);
  return plan;
}

}  // namespace

PipelinePlan plan_for(const CommittedPipeline& before, const pipeline::Graph& graph,
                      const Connectors& connectors) {
  return whole_plan(before, graph, connectors, "");
}

Result<PipelinePlan> plan_for(const CommittedPipeline& before, const pipeline::Graph& graph,
                              const Connectors& connectors, const Replay& replay,
                              log::Topics& topics) {
  PipelinePlan plan = whole_plan(before, graph, connectors, replay.view);
  for (auto& [name, again] : plan.topics) {
    log::Topic* topic = topics.find(name);
    if (topic == nullptr) continue;
    again.amount = 0;
    for (Partition number(0); number < Partition(topic->partition_count()); ++number) {
      const auto read = before.inputs.find(fmt::format("{}/{}", name, number));
      if (read == before.inputs.end()) continue;
      const Offset begin = LEAT_TRY(replay.begin_in(topic->partition(number)));
      again.amount +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, read->second.position - begin));
    }
  }
  return plan;
}

}  // namespace leat::runtime
