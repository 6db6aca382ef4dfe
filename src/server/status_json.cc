#include "server/status_json.h"

#include <algorithm>

#include "runtime/definition.h"
#include "server/timestamp_text.h"

namespace leat::server {
namespace {

Json time_json(TimestampMs time) { return time == 0 ? Json(nullptr) : Json(timestamp_text(time)); }

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json counters(const runtime::SourceState& source) {
  Json counters = {{"state", source.state},       {"last_error", text_or_null(source.last_error)},
                   {"records", source.records},   {"bytes", source.bytes},
                   {"attempts", source.attempts}, {"failures", source.failures},
                   {"retries", source.retries},   {"skipped", source.skipped}};
  if (source.held_back_bytes) counters["held_back_bytes"] = *source.held_back_bytes;
  return counters;
}

Json counters(const runtime::StreamState& stream) {
  Json expectations = Json::array();
  for (const auto& expectation : stream.expectations) {
    expectations.push_back({{"name", expectation.name},
                            {"else", expectation.otherwise},
                            {"passed", expectation.passed},
                            {"refused", expectation.refused}});
  }
  return {{"accepted", stream.accepted},
          {"out", stream.out},
          {"filtered", stream.filtered},
          {"late", stream.late},
          {"dead_letters", stream.dead_letters},
          {"future", stream.future},
          {"watermark", time_json(stream.watermark_ms)},
          {"lag_seconds", stream.lag_seconds ? Json(*stream.lag_seconds) : Json(nullptr)},
          {"expectations", std::move(expectations)}};
}

Json counters(const runtime::TopicState& topic) {
  return {{"records", topic.records},
          {"bytes", topic.bytes},
          {"lag", topic.lag},
          {"missed", topic.missed}};
}

Json counters(const runtime::ViewState& view) {
  return {{"rows", view.rows ? Json(*view.rows) : Json()},
          {"memory_bytes", view.memory_bytes},
          {"changes", view.changes},
          {"late", view.late},
          {"refused", view.refused},
          {"last_error", text_or_null(view.last_error)}};
}

Json counters(const runtime::TableState& table) {
  return {{"state", table.state},
          {"lookups", table.lookups},
          {"hits", table.hits},
          {"misses", table.misses},
          {"missing", table.missing},
          {"refused", table.refused},
          {"failures", table.failures},
          {"loads", table.loads},
          {"cached_rows", table.cached_rows},
          {"cached_bytes", table.cached_bytes},
          {"waiting_seconds", table.waiting_seconds},
          {"lookup_ms_p50", table.lookup_ms_p50},
          {"lookup_ms_p99", table.lookup_ms_p99},
          {"last_error", text_or_null(table.last_error)}};
}

Json counters(const runtime::SinkState& sink) {
  return {{"state", sink.state},
          {"rows", sink.rows},
          {"bytes", sink.bytes},
          {"lag", sink.lag},
          {"batches", sink.batches},
          {"failures", sink.failures},
          {"refused", sink.refused},
          {"missed", sink.missed},
          {"batch_ms_p50", sink.batch_ms_p50},
          {"batch_ms_p99", sink.batch_ms_p99},
          {"last_error", text_or_null(sink.last_error)}};
}

/// {"name": …} with the counters behind it.
template <class State>
Json named(const State& state) {
  Json json = {{"name", state.name}};
  json.update(counters(state));
  return json;
}

template <class States>
Json all_named(const States& states) {
  Json list = Json::array();
  for (const auto& state : states) list.push_back(named(state));
  return list;
}

/// Nodes and edges of a graph as they are added.
class GraphJson {
 public:
  template <class Node, class States>
  Json& add(const char* kind, const Node& node, const States& states) {
    Json json = {
        {"id", std::string(kind) + ":" + node.name},
        {"kind", kind},
        {"name", node.name},
        {"at", {{"file", node.at.file}, {"line", node.at.line}, {"column", node.at.column}}}};
    const auto state = std::ranges::find(states, node.name, [](const auto& s) { return s.name; });
    json["counters"] = state == states.end() ? Json::object() : counters(*state);
    return nodes.emplace_back(std::move(json));
  }
  void connect(const std::string& from, const std::string& to) {
    edges.push_back({{"from", from}, {"to", to}});
  }

  Json nodes = Json::array();
  Json edges = Json::array();
};

/// Of a stream, a view or a table.
std::string input_id(const pipeline::Graph& graph, const std::string& name) {
  const auto has = [&](const auto& nodes) {
    return std::ranges::any_of(nodes, [&](const auto& node) { return node.name == name; });
  };
  return (has(graph.tables) ? "table:" : has(graph.views) ? "view:" : "stream:") + name;
}

}  // namespace

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json columns_json(const Schema& schema) {
  Json columns = Json::array();
  for (const Column& column : schema) {
    columns.push_back({{"name", column.name}, {"type", column.type.to_sql()}});
  }
  return columns;
}

Json status_json(const runtime::EngineStatus& status) {
  Json sources = Json::array();
  for (const auto& source : status.sources) {
    Json json = {{"name", source.name}, {"connector", source.connector}, {"topic", source.topic}};
    json.update(counters(source));
    sources.push_back(std::move(json));
  }
  Json tables = Json::array();
  for (const auto& table : status.tables) {
    Json json = {{"name", table.name}, {"connector", table.connector}};
    json.update(counters(table));
    tables.push_back(std::move(json));
  }
  Json sinks = Json::array();
  for (const auto& sink : status.sinks) {
    Json json = {{"name", sink.name}, {"from", sink.from}, {"connector", sink.connector}};
    json.update(counters(sink));
    sinks.push_back(std::move(json));
  }
  return {{"epoch", status.epoch},
          {"committed_epoch", status.committed_epoch},
          {"records_in", status.records_in},
          {"records_per_second", status.records_per_second},
          {"lag", status.lag},
          {"dead_letters", status.dead_letters},
          {"memory_bytes", status.memory_bytes},
          {"memory_max_bytes", status.memory_max_bytes},
          {"state_memory_max_bytes", status.state_memory_max_bytes},
          {"cpu_seconds", status.cpu_seconds},
          {"state_bytes", status.state_bytes},
          {"uptime_seconds", status.uptime_seconds},
          {"ready", status.ready},
          {"failure", text_or_null(status.failure)},
          {"epoch_ms", {{"p50", status.epoch_ms_p50}, {"p99", status.epoch_ms_p99}}},
          {"commit_ms", {{"p50", status.commit_ms_p50}, {"p99", status.commit_ms_p99}}},
          {"sources", std::move(sources)},
          {"tables", std::move(tables)},
          {"streams", all_named(status.streams)},
          {"topics", all_named(status.topics)},
          {"views", all_named(status.views)},
          {"sinks", std::move(sinks)}};
}

Json topics_json(const runtime::EngineStatus& status) {
  Json topics = Json::array();
  for (const auto& topic : status.topics) {
    Json partitions = Json::array();
    for (const auto& partition : topic.partitions) {
      partitions.push_back({{"partition", partition.partition},
                            {"name", partition.name},
                            {"first_offset", partition.first_offset},
                            {"next_offset", partition.next_offset},
                            {"read_offset", partition.read_offset},
                            {"records", partition.records},
                            {"bytes", partition.bytes},
                            {"watermark", time_json(partition.watermark_ms)}});
    }
    Json json = {{"name", topic.name}, {"embedded", topic.embedded}};
    json.update(counters(topic));
    json["partitions"] = std::move(partitions);
    topics.push_back(std::move(json));
  }
  return {{"topics", std::move(topics)}};
}

Json definitions_json(const runtime::CommittedPipeline& pipeline) {
  Json read = Json::object();
  for (const auto& [id, input] : pipeline.inputs) {
    read[id] = {{"first", input.first.value()}, {"position", input.position.value()}};
  }
  return {{"definitions", pipeline.definitions}, {"read", std::move(read)}};
}

Json pipeline_json(const pipeline::Graph& graph, const runtime::EngineStatus& status) {
  GraphJson json;
  for (const auto& source : graph.sources) {
    json.add("source", source, status.sources)["connector"] = source.connector;
    json.connect("source:" + source.name, "topic:" + source.topic);
  }
  for (const auto& topic : graph.topics) {
    Json& node = json.add("topic", topic, status.topics);
    node["partitions"] = topic.partitions;
    node["embedded"] = topic.source.empty();
  }
  for (const auto& table : graph.tables) {
    Json& node = json.add("table", table, status.tables);
    node["connector"] = table.connector;
    node["columns"] = columns_json(table.schema);
  }
  for (const auto& stream : graph.streams) {
    json.add("stream", stream, status.streams)["columns"] = columns_json(stream.schema);
    json.connect((stream.from_topic ? "topic:" : "stream:") + stream.input,
                 "stream:" + stream.name);
    for (const auto& lookup : stream.query.lookups) {
      json.connect(input_id(graph, lookup.table), "stream:" + stream.name);
    }
  }
  for (const auto& view : graph.views) {
    if (view.of_table) continue;
    Json& node = json.add("view", view, status.views);
    node["columns"] = columns_json(view.schema);
    Json key = Json::array();
    for (const std::size_t column : view.key) key.push_back(view.schema[column].name);
    node["key"] = std::move(key);
    for (const std::string& input : view.reads) {
      json.connect(input_id(graph, input), "view:" + view.name);
    }
  }
  for (const auto& sink : graph.sinks) {
    json.add("sink", sink, status.sinks)["connector"] = sink.connector;
    json.connect(input_id(graph, sink.from), "sink:" + sink.name);
  }
  return {{"pipelines", graph.pipelines},
          {"nodes", std::move(json.nodes)},
          {"edges", std::move(json.edges)}};
}

}  // namespace leat::server
