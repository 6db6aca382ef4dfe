#include "pipeline/output_check.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/names.h"
#include "pipeline/sql_text.h"

namespace leat::pipeline {
namespace {

using Kind = Relation::Kind;

constexpr std::array<std::string_view, 5> panel_kinds = {"stat", "pie", "bar", "line", "table"};

/// A topic that the embedded log does not hold can't be read by a cursor of the sink's own.
bool check_topic_input(Scope& scope, const Node& from, SinkNode& sink) {
  sink.from_topic = true;
  const auto source = std::ranges::find_if(scope.graph.sources, [&](const SourceNode& node) {
    return node.topic == sink.from && !node.copied &&
           scope.registry.replayable.contains(node.connector);
  });
  if (source == scope.graph.sources.end()) return true;
  scope.diagnostics.error(
      from.at, "wrong-input",
      fmt::format("the records of the topic \"{}\" are read from the source \"{}\" itself and not "
                  "kept; write copy: true under its topic, or let the sink read a stream",
                  sink.from, source->name));
  return false;
}

/// What the connector itself says of its input.
void check_by_connector(Scope& scope, const Node& from, const SinkNode& sink,
                        const connector::Spec& spec) {
  if (!spec.check_input) return;
  const Status status = spec.check_input(sink_input_of(scope.graph, sink), sink.settings);
  if (!status) scope.diagnostics.error(from.at, "sink-input", status.error().message);
}

/// Whether what the sink reads is known and may be written by this connector.
bool check_input(Scope& scope, const Node& from, SinkNode& sink, const connector::Spec* spec) {
  const bool takes_topics = spec != nullptr && spec->takes_topics;
  const auto* input = takes_topics ? scope.resolve(from, {Kind::stream, Kind::view, Kind::topic})
                                   : scope.resolve(from, {Kind::stream, Kind::view});
  if (input == nullptr) return false;
  scope.use(input->name);
  sink.from = input->name;
  if (input->kind == Kind::topic && takes_topics) return check_topic_input(scope, from, sink);
  if (input->kind == Kind::topic) {
    scope.diagnostics.error(
        from.at, "wrong-input",
        fmt::format(
            "a sink writes rows, the topic \"{0}\" has records without columns; declare a "
            "stream over it, as {{from: {0}, columns: {{record: {{at: \"\", type: json}}}}}}",
            input->name));
    return false;
  }
  if (input->kind == Kind::table && scope.is_looked_up(input->name)) {
    scope.diagnostics.error(from.at, "wrong-input", table_remedy("a sink", input->name));
    return false;
  }
  if (input->kind == Kind::stream) return scope.stream(input->name) != nullptr;
  const auto* view = scope.view(input->name);
  if (view == nullptr || spec == nullptr) return false;
  if (!view->append_only && !sink.changes && spec->rows_only_added) {
    scope.diagnostics.error(
        from.at, "needs-changes",
        fmt::format("the rows of the view \"{}\" change, and a \"{}\" sink can't take one back; "
                    "write changes: true to get each change with its weight, or emit: on_close in "
                    "the view",
                    view->name, spec->name));
    return false;
  }
  const bool found_by_key = !view->append_only && !sink.changes && !spec->needs_no_key;
  if (found_by_key && view->key.empty() && !view->one_row) {
    const std::string where =
        view->of_table ? fmt::format("in a view over it (query: SELECT * FROM {})", view->name)
                       : "in the view";
    scope.diagnostics.error(
        from.at, "needs-key",
        fmt::format("the rows of the {} \"{}\" change, and nothing says which columns identify "
                    "one, so that a \"{}\" sink can't find the row that changed; write key: and "
                    "those columns {}, or changes: true to get each change with its weight",
                    to_string(input->kind), view->name, spec->name, where));
    return false;
  }
  return true;
}

std::string slug(std::string_view title) {
  std::string out;
  for (const char c : folded(title)) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "panel" : out;
}

std::string unused_id(const Graph& graph, const std::string& wanted) {
  std::string id = wanted;
  for (int n = 2; std::ranges::find(graph.panels, id, &PanelNode::id) != graph.panels.end(); ++n) {
    id = fmt::format("{}-{}", wanted, n);
  }
  return id;
}

void check_panel_columns(Scope& scope, const Node& sql, std::string_view kind,
                         const Schema& columns) {
  if (kind == "table" || kind == "stat") return;
  const bool line = kind == "line";
  if (columns.size() < 2) {
    scope.diagnostics.error(
        sql.at, "panel-shape",
        fmt::format("a {} needs two columns, {}; this query gives {}", kind,
                    line ? "where and how much" : "a label and a number", columns.size()));
    return;
  }
  // A line may have a text in between that says which line each number belongs to.
  const bool by_text = line && columns.size() == 3 && columns[1].type.id() == DUCKDB_TYPE_VARCHAR;
  for (std::size_t i = by_text ? 2 : 1; i < columns.size(); ++i) {
    if (columns[i].type.is_numeric()) continue;
    scope.diagnostics.error(
        sql.at, "panel-shape",
        fmt::format(
            "a {} draws numbers, the column \"{}\" is {}; put the {} first and numbers after "
            "it, or use table:",
            kind, printable(columns[i].name), columns[i].type.to_sql(), line ? "time" : "label"));
  }
}

/// False when the query reads what has a fault itself, or a table in another system: nothing more
/// can be said of it.
bool inputs_known(Scope& scope, const Document& document, const Node& query) {
  bool known = true;
  for (const auto& name : scope.names_read(query.text)) {
    const auto* relation = scope.find(name);
    if (relation == nullptr || relation->kind == Kind::topic) continue;
    scope.use(relation->name);
    if (relation->kind == Kind::table && scope.is_looked_up(relation->name)) {
      scope.diagnostics.error(document.locate(query, query.text.find(name)), "wrong-input",
                              table_remedy("a panel", name));
    }
    const Location at = document.locate(query, query.text.find(name));
    known = scope.has_rows(relation->name, "a panel", at) && known &&
            scope.catalog.contains(relation->name);
  }
  return known;
}

/// One text for all ways to write a path: relative or absolute, through links, with "/" at the end.
std::string same_for_one_place(const std::string& path) {
  if (path.empty()) return {};
  std::error_code failed;
  auto absolute = std::filesystem::absolute(path, failed);
  if (failed) absolute = path;
  auto real = std::filesystem::weakly_canonical(absolute, failed);
  if (failed) real = absolute.lexically_normal();
  return (real.has_filename() ? real : real.parent_path()).string();
}

}  // namespace

void check_sink(Scope& scope, const Declaration& declaration) {
  SinkNode sink;
  sink.name = declaration.name->text;
  sink.at = declaration.name->at;
  sink.pipeline = declaration.pipeline;
  check_own_name(scope.diagnostics, scope.graph.sinks, *declaration.name, "sink");
  const Fields fields(*declaration.body, section("sink"), scope.diagnostics,
                      names_of(scope.registry.sinks));
  if (!fields.readable()) return;
  auto chosen = chosen_connector(fields, scope.registry.sinks, scope.diagnostics, "sink");
  sink.changes = fields.flag("changes");
  if (chosen) {
    sink.connector = chosen->spec->name;
    sink.settings = std::move(chosen->checked.settings);
    sink.shown = std::move(chosen->checked.shown);
    sink.target = sink.connector;
    for (const std::string& setting : chosen->spec->target) {
      sink.target += '\n' + sink.settings.text(setting);
    }
  }
  const Node* from = fields.find("from");
  const bool known =
      from != nullptr && check_input(scope, *from, sink, chosen ? chosen->spec : nullptr);
  if (known && chosen) check_by_connector(scope, *from, sink, *chosen->spec);
  scope.graph.sinks.push_back(std::move(sink));
}

void check_sink_targets(Scope& scope) {
  std::map<std::pair<std::string, std::string>, const SinkNode*> targets;
  for (const auto& sink : scope.graph.sinks) {
    const auto& specs = scope.registry.sinks;
    const auto spec = std::ranges::find(specs, sink.connector, &connector::Spec::name);
    if (spec == specs.end()) continue;
    for (const auto& setting : spec->settings) {
      if (setting.kind != connector::Kind::path || !setting.required) continue;
      const auto path = same_for_one_place(sink.settings.text(setting.name));
      if (path.empty()) continue;
      const auto [other, fresh] = targets.try_emplace({sink.connector, path}, &sink);
      if (fresh) continue;
      scope.diagnostics.error(
          sink.at, "same-target",
          fmt::format(
              "the sink \"{}\" writes to the {} of the sink \"{}\" ({}:{}), which would mix "
              "their rows; give it another",
              printable(sink.name), setting.name, printable(other->second->name),
              printable(other->second->at.file, 4096), other->second->at.line));
    }
  }
}

void check_panel(Scope& scope, const Declaration& declaration) {
  const Fields fields(*declaration.body, section("panel"), scope.diagnostics);
  if (!fields.readable()) return;
  PanelNode panel;
  panel.at = fields.at();
  panel.pipeline = declaration.pipeline;
  panel.title = fields.text("title").value_or("");
  const Node* query = nullptr;
  for (const auto kind : panel_kinds) {
    if (!fields.has(kind)) continue;
    if (!panel.kind.empty()) {
      scope.diagnostics.error(fields.at(kind), "conflicting-keys",
                              fmt::format("this panel is a {} already; keep one, and write another "
                                          "panel for the other",
                                          panel.kind));
      continue;
    }
    panel.kind = kind;
    query = fields.find(kind);
  }
  if (panel.kind.empty()) {
    scope.diagnostics.error(fields.at(), "missing-key",
                            fmt::format("this panel shows nothing; write one of {} and a SELECT",
                                        fmt::join(panel_kinds, ", ")));
  }
  if (query == nullptr || !inputs_known(scope, *declaration.document, *query)) return;
  auto free = scope.analyser.free_query(query->text, scope.catalog);
  if (!free) {
    scope.report_sql(*declaration.document, *query, free.error());
    return;
  }
  check_panel_columns(scope, *query, panel.kind, free->output);
  panel.sql = std::move(free->sql);
  panel.inputs = std::move(free->inputs);
  for (const auto& name : panel.inputs) scope.use(name);
  panel.id = unused_id(scope.graph, slug(panel.pipeline) + "-" + slug(panel.title));
  scope.graph.panels.push_back(std::move(panel));
}

}  // namespace leat::pipeline
