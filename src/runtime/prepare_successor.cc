#include "runtime/prepare_successor.h"

#include <algorithm>

#include "runtime/catch_up.h"

namespace leat::runtime {
namespace {

/// Sinks of the part would write where a sink writes that still runs.
bool shares_a_sink(const pipeline::Graph& part, const pipeline::Graph& running) {
  return std::ranges::any_of(part.sinks, [&](const pipeline::SinkNode& sink) {
    return std::ranges::any_of(running.sinks, [&](const pipeline::SinkNode& other) {
      return other.name == sink.name || other.target == sink.target;
    });
  });
}

/// What the part reads and the running engine does not have is empty still.
bool lacks_a_topic(const pipeline::Graph& part, const Assembly& running) {
  return std::ranges::any_of(part.topics, [&](const pipeline::TopicNode& topic) {
    return topic.source.empty() && running.topics->find(topic.name) == nullptr;
  });
}

/// The rows of a table that is kept are those of the last commit, which is not this one's to read.
bool keeps_a_table(const pipeline::Graph& part) {
  return std::ranges::any_of(part.tables, &pipeline::TableNode::kept);
}

}  // namespace

Status prepare_successor(const Assembly& running, const Engine::Successor& successor,
                         const CommittedPipeline& now) {
  const Definitions next = definitions_of(successor.graph);
  const PipelineChange change(now.definitions, next,
                              successor.replay ? successor.replay->view : "");
  pipeline::Graph part = part_to_compute(successor.graph, next, change, running.connectors);
  if (part.streams.empty() || shares_a_sink(part, running.graph)) return {};
  if (lacks_a_topic(part, running) || keeps_a_table(part)) return {};
  if (needs_all_anew(successor.graph, change, running.connectors)) return {};
  Options options = running.options;
  options.database.reset();
  options.rebuild = successor.rebuild;
  options.stop = successor.stop;
  options.replay = successor.replay;
  std::map<std::string, Offset> ends;
  for (const auto& [id, read] : now.inputs) ends[id] = read.position;
  LEAT_TRY(CatchUp::run({.graph = std::move(part),
                         .connectors = running.connectors,
                         .options = std::move(options),
                         .topics = *running.topics,
                         .ends = std::move(ends),
                         .progress = successor.progress}));
  return {};
}

}  // namespace leat::runtime
