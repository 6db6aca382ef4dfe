#include "pipeline/explain.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/nearest_name.h"
#include "pipeline/diagnostic.h"
#include "pipeline/plan_text.h"
#include "pipeline/scalar.h"
#include "pipeline/view_plan.h"

namespace leat::pipeline {
namespace {

/// ", name: value" of each.
std::string settings_text(const ShownSettings& shown) {
  std::string text;
  for (const auto& [name, value] : shown) text += fmt::format(", {}: {}", name, value);
  return text;
}

std::string_view refusal_text(Refusal refusal) {
  switch (refusal) {
    case Refusal::quarantine:
      return "quarantine";
    case Refusal::drop:
      return "drop";
    case Refusal::warn:
      return "warn";
    case Refusal::fail:
      return "fail";
  }
  return "quarantine";
}

/// One line of a node in the tree.
std::string line_of(const TopicNode& topic) {
  if (!topic.source.empty()) return fmt::format("topic {} (is the source itself)", topic.name);
  std::string text = fmt::format("topic {} ({} partition{}, {}", topic.name, topic.partitions,
                                 topic.partitions == 1 ? "" : "s", topic.compression);
  if (topic.retention_ms) text += ", kept for " + duration_text(*topic.retention_ms);
  if (topic.retention_bytes) text += ", up to " + bytes_text(*topic.retention_bytes);
  if (topic.compacted) text += ", compacted";
  return text + ")";
}

std::string line_of(const TableNode& table) {
  return fmt::format("table {} ({}{})", table.name, table.connector, settings_text(table.shown));
}

std::string line_of(const StreamNode& stream) {
  std::string text = fmt::format("stream {} ({} columns", stream.name, stream.schema.size());
  if (!stream.query.identity) text += ", select";
  for (const auto& lookup : stream.query.lookups) text += ", looks up " + lookup.table;
  if (stream.event_time) {
    text += ", event time " + stream.schema[stream.event_time->column].name;
  }
  if (!stream.expectations.empty()) {
    text += fmt::format(", {} expectation{}", stream.expectations.size(),
                        stream.expectations.size() == 1 ? "" : "s");
  }
  return text + ")";
}

/// Draws the graph as a tree: whatever reads a node stands below it.
class Tree {
 public:
  explicit Tree(const Graph& graph) : graph_(graph) {}

  std::string draw() {
    for (const auto& table : graph_.tables) {
      out_ += line_of(table) + "\n";
      children(table.name, "");
    }
    for (const auto& topic : graph_.topics) {
      bool fed = false;
      for (const auto& source : graph_.sources) {
        if (source.topic != topic.name) continue;
        out_ += fmt::format("source {} ({}{})\n", source.name, source.connector,
                            settings_text(source.shown));
        fed = true;
      }
      out_ += (fed ? "└─ " : "") + line_of(topic) + "\n";
      children(topic.name, fed ? "   " : "");
    }
    return std::move(out_);
  }

 private:
  struct Child {
    std::string line;
    std::string name;  // whose readers come below; empty: none
  };

  std::vector<Child> readers_of(const std::string& name) const {
    std::vector<Child> out;
    for (const auto& stream : graph_.streams) {
      if (stream.input == name) out.push_back({line_of(stream), stream.name});
    }
    for (const auto& view : graph_.views) {
      if (std::ranges::find(view.reads, name) == view.reads.end()) continue;
      out.push_back({line_of(view), view.name});
    }
    for (const auto& sink : graph_.sinks) {
      if (sink.from != name) continue;
      out.push_back({fmt::format("sink {} ({}{}{})", sink.name, sink.connector,
                                 sink.changes ? ", changes" : "", settings_text(sink.shown)),
                     ""});
    }
    for (const auto& panel : graph_.panels) {
      if (std::ranges::find(panel.inputs, name) == panel.inputs.end()) continue;
      out.push_back({fmt::format("panel \"{}\" ({})", printable(panel.title), panel.kind), ""});
    }
    return out;
  }

  void children(const std::string& name, const std::string& indent) {
    const auto readers = readers_of(name);
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const bool last = i + 1 == readers.size();
      out_ += indent + (last ? "└─ " : "├─ ") + readers[i].line + "\n";
      if (!readers[i].name.empty()) {
        children(readers[i].name, indent + (last ? "   " : "│  "));
      }
    }
  }

  const Graph& graph_;
  std::string out_;
};

std::string place_text(const Location& at) { return fmt::format("{}:{}", at.file, at.line); }

std::string decoded_text(const DecodedColumn& column) {
  const std::string place = !column.field.empty()    ? "field " + column.field
                            : column.pointer.empty() ? std::string("the whole record")
                                                     : "at " + column.pointer;
  std::string text = fmt::format("{} {} {}", column.name, column.type.to_sql(), place);
  if (column.required) text += ", required";
  if (column.default_json) text += ", default " + *column.default_json;
  if (column.numbers_from_text) text += ", numbers from text";
  if (!column.time_unit.empty()) text += ", in " + column.time_unit;
  if (!column.pii.empty()) text += ", personal: " + column.pii;
  return text;
}

std::string plan_of(const StreamNode& stream) {
  Plan plan(line_of(stream));
  plan.line("declared", place_text(stream.at)).line("reads", stream.input);
  if (stream.from_topic) {
    std::string decoded;
    for (std::size_t i = 0; i < stream.columns.size(); ++i) {
      const bool wanted =
          i >= stream.query.reads.size() || stream.query.reads[i] || stream.columns[i].required;
      decoded += decoded_text(stream.columns[i]) + (wanted ? "" : " (not read)") + "\n";
    }
    plan.line("format", stream.format).line("decodes", decoded);
  }
  plan.line("select", stream.select).line("runs as", stream.query.sql);
  for (const auto& lookup : stream.query.lookups) {
    std::string key;
    for (const std::size_t column : lookup.key) {
      key += (key.empty() ? "" : ", ") + lookup.schema[column].name;
    }
    plan.line("looks up", fmt::format("{} by {}", lookup.table, key));
  }
  plan.line("asks by", stream.query.keys.sql);
  if (!stream.query.found) plan.line("lies beside", stream.query.beside);
  plan.line("columns", columns_text(stream.schema));
  if (const auto& time = stream.event_time) {
    plan.line("event time",
              fmt::format("{}, delay {}, idle after {}, {} ahead at most{}{}",
                          stream.schema[time->column].name, duration_text(time->delay_ms),
                          duration_text(time->idle_ms),
                          time->max_ahead_ms == 0 ? "any time" : duration_text(time->max_ahead_ms),
                          time->keeps_future ? " (kept all the same)" : "",
                          time->max_drift_ms == 0
                              ? ""
                              : ", drift " + duration_text(time->max_drift_ms) + " at most"));
  }
  std::string rules;
  for (const auto& rule : stream.expectations) {
    rules += fmt::format("{}: {} (else {})\n", rule.name, printable(rule.that, 200),
                         refusal_text(rule.otherwise));
  }
  plan.line("expects", rules);
  plan.line("recent rows", std::to_string(stream.recent_rows_max));
  return plan.take();
}

std::string plan_of(const TableNode& table) {
  if (table.kept) {
    return Plan(line_of(table))
        .line("declared", place_text(table.at))
        .line("columns", columns_text(table.schema))
        .line("state", "its rows")
        .take();
  }
  std::vector<std::string> key;
  for (const auto index : table.key) key.push_back(table.schema[index].name);
  return Plan(line_of(table))
      .line("declared", place_text(table.at))
      .line("columns", columns_text(table.schema))
      .line("key", fmt::format("{}", fmt::join(key, ", ")))
      .line("cache",
            fmt::format("{} rows and {} at most, for {}; {} where there is none",
                        table.cache.rows_max,
                        bytes_text(static_cast<std::int64_t>(table.cache.bytes_max)),
                        duration_text(table.cache.found_ms), duration_text(table.cache.missing_ms)))
      .take();
}

template <class Nodes>
auto find_node(const Nodes& nodes, std::string_view name) {
  const auto found =
      std::ranges::find_if(nodes, [&](const auto& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

}  // namespace

std::string explain(const Graph& graph) { return Tree(graph).draw(); }

Result<std::string> explain(const Graph& graph, std::string_view name) {
  if (const auto* stream = find_node(graph.streams, name)) return plan_of(*stream);
  if (const auto* table = find_node(graph.tables, name)) return plan_of(*table);
  if (const auto* view = find_node(graph.views, name)) return plan_of(graph, *view);
  if (const auto* topic = find_node(graph.topics, name)) {
    return Plan(line_of(*topic)).line("declared", place_text(topic->at)).take();
  }
  if (const auto* source = find_node(graph.sources, name)) {
    return Plan(fmt::format("source {} ({}{})", source->name, source->connector,
                            settings_text(source->shown)))
        .line("declared", place_text(source->at))
        .line("fills", source->topic)
        .take();
  }
  if (const auto* sink = find_node(graph.sinks, name)) {
    return Plan(fmt::format("sink {} ({}{})", sink->name, sink->connector,
                            settings_text(sink->shown)))
        .line("declared", place_text(sink->at))
        .line("reads", sink->from)
        .line("writes", sink->changes ? "changes with their weights" : "rows")
        .take();
  }
  std::vector<std::string_view> names;
  const auto add = [&](const auto& nodes) {
    for (const auto& node : nodes) names.emplace_back(node.name);
  };
  add(graph.sources);
  add(graph.topics);
  add(graph.tables);
  add(graph.streams);
  add(graph.views);
  add(graph.sinks);
  auto hint = did_you_mean(name, names);
  if (hint.empty()) hint = fmt::format("; there are {}", fmt::join(names, ", "));
  return user_error("unknown-name", "nothing here is called \"{}\"{}", printable(name), hint);
}

}  // namespace leat::pipeline
