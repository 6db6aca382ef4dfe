#include "runtime/definition.h"

#include <functional>
#include <set>

#include <spdlog/fmt/fmt.h>

namespace leat::runtime {
namespace {

std::string text_of(const Schema& schema) {
  std::string text;
  for (const Column& column : schema) {
    if (!text.empty()) text += ", ";
    text += fmt::format("\"{}\" {}", column.name, column.type.to_sql());
  }
  return text;
}

std::string text_of(const std::vector<std::size_t>& columns) {
  std::string text;
  for (const std::size_t column : columns) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{}", column);
  }
  return text;
}

std::string text_of(const std::optional<std::size_t>& column) {
  return column ? fmt::format("{}", *column) : "";
}

std::string text_of(const DecodedColumn& column) {
  return fmt::format(
      "\"{}\" {} at \"{}\" field \"{}\" required {} default \"{}\" numbers {} unit {}", column.name,
      column.type.to_sql(), column.pointer, column.field, column.required,
      column.default_json.value_or(""), column.numbers_from_text, column.time_unit);
}

/// Empty items say the same as none.
void put(Definition& definition, const std::string& item, std::string text) {
  if (!text.empty()) definition[item] = std::move(text);
}

std::string format_of(const pipeline::StreamNode& stream) {
  std::string text = stream.format;
  if (stream.format != "csv") return text;
  for (const char* setting : {"delimiter", "quote", "null"}) {
    text += fmt::format(" {} \"{}\"", setting, stream.format_settings.text(setting));
  }
  for (const std::string& name : stream.format_settings.list("header")) {
    text += fmt::format(" \"{}\"", name);
  }
  return text;
}

Definition definition_of(const pipeline::StreamNode& stream) {
  Definition made;
  put(made, "input", (stream.from_topic ? "topic/" : "stream/") + stream.input);
  if (stream.from_topic) put(made, "format", format_of(stream));
  std::string columns;
  for (const DecodedColumn& column : stream.columns) columns += text_of(column) + "\n";
  put(made, "columns", std::move(columns));
  put(made, "select", stream.query.sql);
  std::string tables;
  for (const sql::Lookup& lookup : stream.query.lookups) {
    tables +=
        fmt::format("{} ({}) by {}\n", lookup.table, text_of(lookup.schema), text_of(lookup.key));
  }
  put(made, "tables", std::move(tables));
  // A view that it looks rows up in is an input like others: where it is another, so are these
  // rows.
  std::size_t number = 0;
  for (const sql::Lookup& lookup : stream.query.lookups) {
    if (lookup.view) put(made, fmt::format("input {}", ++number), "view/" + lookup.table);
  }
  put(made, "output", text_of(stream.schema));
  std::string expectations;
  for (const pipeline::Expectation& expectation : stream.expectations) {
    expectations += fmt::format("{} else {}: {}\n", expectation.name,
                                static_cast<int>(expectation.otherwise), expectation.sql);
  }
  put(made, "expect", std::move(expectations));
  if (stream.event_time) {
    put(made, "event_time",
        fmt::format("column {}, delay {} ms, ahead {} ms, keeps future {}",
                    stream.event_time->column, stream.event_time->delay_ms,
                    stream.event_time->max_ahead_ms, stream.event_time->keeps_future));
  }
  return made;
}

/// An operator is a step of its view; its items don't know which.
void add_ttl(const std::optional<op::TimeToLive>& ttl, Definition& made) {
  if (!ttl) return;
  const bool by_event_time = ttl->by == op::TimeToLive::By::event_time;
  put(made, "ttl",
      fmt::format("{} µs of {} time", ttl->length_us, by_event_time ? "event" : "processing"));
}

void add_items(const op::LatestView& view, Definition& made) {
  put(made, "keeps", "the newest row");
  put(made, "key", text_of(view.key));
  put(made, "version", text_of(view.version));
  put(made, "delete", view.deletes);
  add_ttl(view.ttl, made);
}

std::string text_of(const sql::Window& window) {
  return fmt::format("kind {} of column {}: {} µs each {} µs from {} µs",
                     static_cast<int>(window.kind), window.time_column, window.size_us,
                     window.slide_us, window.offset_us);
}

const char* text_of(op::Emit emit) {
  if (emit == op::Emit::early) return "early";
  return emit == op::Emit::on_close ? "on_close" : "on_update";
}

void add_rules(const op::WindowRules& rules, Definition& made) {
  put(made, "emit", text_of(rules.emit));
  if (rules.retain_us) put(made, "retain", fmt::format("{} µs", *rules.retain_us));
  if (rules.late == op::Late::update) {
    put(made, "late", fmt::format("update for {} µs", rules.allowed_lateness_us));
  }
}

/// Of operators that may stand over windows.
void add_window_key(const std::optional<sql::WindowKey>& key, const op::WindowRules& rules,
                    Definition& made) {
  if (!key) return;
  put(made, "window key", fmt::format("{}, {} µs wide", key->key, key->width_us));
  add_rules(rules, made);
}

void add_items(const op::AggregateView& view, Definition& made) {
  put(made, "keeps", "aggregates");
  put(made, "groups", view.query.pre);
  put(made, "select", view.query.post);
  std::string aggregates;
  for (const sql::AggregateCall& call : view.query.aggregates) {
    aggregates +=
        fmt::format("{} of ({}) {} distinct {} filter {} as {}\n", static_cast<int>(call.function),
                    text_of(call.arguments), call.argument_type.to_sql(), call.distinct,
                    text_of(call.filter), call.result.to_sql());
  }
  put(made, "aggregates", std::move(aggregates));
  if (view.query.window) put(made, "window", text_of(*view.query.window));
  add_rules(view, made);
  if (view.query.window_key && !view.query.window) {
    add_window_key(view.query.window_key, view, made);
  }
  add_ttl(view.ttl, made);
}

void add_rows(std::size_t index, const sql::ViewInput& input, Definition& made) {
  put(made, fmt::format("rows {}", index),
      fmt::format("{} as {} weighted {}", input.sql, text_of(input.schema), input.weighted));
}

void add_items(const op::SelectView& view, Definition& made) {
  put(made, "keeps", view.kept ? "rows" : "nothing");
  for (std::size_t i = 0; i < view.inputs.size(); ++i) add_rows(i, view.inputs[i], made);
  if (view.retain_us) put(made, "retain", fmt::format("{} µs", *view.retain_us));
  if (view.pace_us) put(made, "pace", fmt::format("{} µs", *view.pace_us));
  if (view.window_key && (view.retain_us || view.pace_us)) {
    put(made, "window key",
        fmt::format("{}, {} µs wide", view.window_key->key, view.window_key->width_us));
  }
  if (!view.unique.empty()) put(made, "key", text_of(view.unique));
}

void add_items(const op::JoinView& view, Definition& made) {
  const sql::JoinQuery& join = view.query;
  put(made, "keeps", "both sides of a join");
  put(made, "join", fmt::format("{} by {} keys", static_cast<int>(join.kind), join.key_count));
  put(made, "condition", join.condition);
  add_rows(0, join.left, made);
  add_rows(1, join.right, made);
  add_window_key(join.window_key, view, made);
  if (const auto& asof = join.asof) {
    put(made, "as of",
        fmt::format("following {} strictly {} closes {}", asof->following, asof->strictly,
                    asof->closes));
  }
  add_ttl(view.ttl, made);
  if (!join.bound) return;
  put(made, "time bound",
      fmt::format("{} to {} µs between columns {} and {}", join.bound->lower_us,
                  join.bound->upper_us, join.bound->left_column, join.bound->right_column));
}

void add_items(const op::KeyedView& view, Definition& made) {
  const sql::KeyedQuery& query = view.query;
  put(made, "keeps", query.survivors ? "rows in the result" : "rows");
  put(made, "key", fmt::format("{} columns", query.key_count));
  put(made, "select", query.sql);
  for (std::size_t i = 0; i < query.inputs.size(); ++i) add_rows(i, query.inputs[i], made);
  if (query.ranking) {
    std::string order;
    for (const auto& by : query.ranking->order) {
      order +=
          fmt::format(" {} descending {} nulls first {}", by.column, by.descending, by.nulls_first);
    }
    put(made, "ranking", fmt::format("the first {} by{}", query.ranking->count, order));
  }
  if (query.session) {
    put(made, "session",
        fmt::format("column {}, gap {} µs", query.session->time_column, query.session->gap_us));
  }
  if (query.frames && query.frames->closes) put(made, "frames", "close");
  add_ttl(view.ttl, made);
  add_rules(view, made);
  add_window_key(query.window_key, view, made);
}

/// Streams and views share their names: "stream/rows", "view/totals".
using FullName = std::function<std::string(const std::string& name)>;

Definition definition_of(const pipeline::ViewPart& part) {
  Definition made;
  std::visit([&](const auto& of) { add_items(of, made); }, part.definition);
  put(made, "output", text_of(part.schema));
  return made;
}

/// A view's own items, those of the steps before it, and what they read that is no step.
Definition definition_of(const pipeline::ViewNode& view, const FullName& full_name) {
  Definition made = definition_of(view);
  std::set<std::string> names, inputs;
  for (const pipeline::ViewPart& part : view.parts) names.insert(part.name);
  const auto add_reads = [&](const pipeline::ViewPart& part, const std::string& step) {
    std::string reads;
    for (const std::string& input : part.inputs) {
      reads += input + "\n";
      if (!names.contains(input)) inputs.insert(input);
    }
    put(made, step + "reads", std::move(reads));
  };
  add_reads(view, "");
  for (std::size_t i = 0; i < view.parts.size(); ++i) {
    const std::string step = fmt::format("step {}: ", i + 1);
    for (auto& [item, text] : definition_of(view.parts[i])) made[step + item] = text;
    add_reads(view.parts[i], step);
  }
  std::size_t number = 0;
  for (const std::string& input : inputs) {
    put(made, fmt::format("input {}", ++number), full_name(input));
  }
  return made;
}

void put_settings(Definition& made, const pipeline::ShownSettings& settings) {
  for (const auto& [name, value] : settings) put(made, name, value);
}

/// What is without state: told of in `leat plan`, and nothing hangs on it.
void add_surroundings(const pipeline::Graph& graph, Definitions& made) {
  if (graph.log) put_settings(made["log/" + graph.log->connector], graph.log->shown);
  for (const pipeline::SourceNode& node : graph.sources) {
    Definition& source = made["source/" + node.name];
    put(source, "connector", node.connector);
    put(source, "topic", node.topic);
    put_settings(source, node.shown);
  }
  for (const pipeline::TopicNode& node : graph.topics) {
    Definition& topic = made["topic/" + node.name];
    put(topic, "source", node.source);
    put(topic, "partitions", fmt::format("{}", node.partitions));
    put(topic, "compression", node.compression);
    if (node.compacted) put(topic, "compacted", "yes");
    if (node.retention_ms) put(topic, "retention", fmt::format("{} ms", *node.retention_ms));
    if (node.retention_bytes) {
      put(topic, "retention_bytes", fmt::format("{}", *node.retention_bytes));
    }
  }
  for (const pipeline::TableNode& node : graph.tables) {
    Definition& table = made["table/" + node.name];
    put(table, "connector", node.connector);
    put(table, "columns", text_of(node.schema));
    put(table, "key", text_of(node.key));
    put_settings(table, node.shown);
  }
  for (const pipeline::SinkNode& node : graph.sinks) {
    Definition& sink = made["sink/" + node.name];
    put(sink, "from", node.from);
    put(sink, "connector", node.connector);
    put(sink, "changes", node.changes ? "yes" : "");
    put_settings(sink, node.shown);
  }
  for (const pipeline::PanelNode& node : graph.panels) {
    Definition& panel = made["panel/" + node.id];
    put(panel, "title", node.title);
    put(panel, "kind", node.kind);
    put(panel, "query", node.sql);
  }
}

}  // namespace

Definitions definitions_of(const pipeline::Graph& graph) {
  Definitions made;
  for (const pipeline::StreamNode& stream : graph.streams) {
    made["stream/" + stream.name] = definition_of(stream);
  }
  const FullName full_name = [&made](const std::string& name) {
    return (made.contains("stream/" + name) ? "stream/" : "view/") + name;
  };
  for (const pipeline::ViewNode& view : graph.views) {
    made["view/" + view.name] = definition_of(view, full_name);
  }
  add_surroundings(graph, made);
  return made;
}

std::vector<std::string> inputs_of(const Definition& definition) {
  std::vector<std::string> inputs;
  for (const auto& [item, text] : definition) {
    if (item.starts_with("input")) inputs.push_back(text);
  }
  return inputs;
}

}  // namespace leat::runtime
