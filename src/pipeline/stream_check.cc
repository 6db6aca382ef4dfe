#include "pipeline/stream_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/nearest_name.h"
#include "pipeline/column_check.h"
#include "pipeline/names.h"
#include "pipeline/sql_text.h"
#include "pipeline/topic_check.h"

namespace leat::pipeline {
namespace {

using Kind = Relation::Kind;

class StreamChecker {
 public:
  StreamChecker(Scope& scope, const Declaration& declaration)
      : scope_(scope),
        diagnostics_(scope.diagnostics),
        declaration_(declaration),
        fields_(*declaration.body, section("stream"), scope.diagnostics) {}

  void run() {
    if (!fields_.readable()) return;
    const auto before = diagnostics_.errors();
    stream_.name = declaration_.name->text;
    stream_.at = declaration_.name->at;
    stream_.pipeline = declaration_.pipeline;
    stream_.recent_rows_max = fields_.number("recent_rows").value_or(0);
    const bool input_known = take_input();
    const bool rows_known = input_known && take_select();
    take_event_time(rows_known);
    take_expectations(rows_known);
    if (!rows_known || diagnostics_.errors() != before) return;
    sql::Relation relation{sql::Relation::Kind::stream, stream_.schema};
    if (stream_.event_time) relation.event_times[stream_.event_time->column];
    scope_.catalog.insert_or_assign(stream_.name, std::move(relation));
    scope_.graph.streams.push_back(std::move(stream_));
  }

 private:
  /// The columns that `select` works on; false: they are not known, which has been reported.
  bool take_input() {
    const Node* from = fields_.find("from");
    const bool decodes = fields_.has("columns") || fields_.has("format");
    const Relation* input = from == nullptr ? nullptr : find_input(*from, decodes);
    if (input == nullptr) {
      // What stands under `columns` can be checked all the same.
      if (fields_.has("columns")) take_columns();
      return false;
    }
    scope_.use(input->name);
    stream_.input = input->name;
    switch (input->kind) {
      case Kind::topic:
        stream_.from_topic = true;
        return take_columns();
      case Kind::stream:
        return take_stream(*input);
      case Kind::view:
        diagnostics_.error(
            from->at, "wrong-input",
            fmt::format("a stream can't read the view \"{}\", whose rows change; read a stream or "
                        "topic, or write this as a view with a \"query\"",
                        input->name));
        return false;
      case Kind::table:
        diagnostics_.error(
            from->at, "wrong-input",
            fmt::format("a stream can't read the table \"{0}\", of which single rows are looked "
                        "up; read a stream or topic, and join it in select: FROM … LEFT JOIN {0} "
                        "ON …",
                        input->name));
        return false;
    }
    return false;
  }

  const Relation* find_input(const Node& from, bool decodes) {
    if (const auto* found = scope_.find(from.text)) return found;
    const auto near = did_you_mean(from.text, scope_.names({Kind::topic, Kind::stream}));
    if (fields_.has("columns") && near.empty() && check_name(from.text, Named::topic)) {
      imply_topic(scope_, from);
      return scope_.find(from.text);
    }
    return scope_.resolve(from,
                          decodes ? std::set{Kind::topic} : std::set{Kind::topic, Kind::stream});
  }

  bool take_stream(const Relation& input) {
    for (const auto* key : {"columns", "format"}) {
      if (!fields_.has(key)) continue;
      diagnostics_.error(
          fields_.at(key), "columns-misplaced",
          fmt::format(
              "a stream over a stream has its columns from there; remove \"{}\", and choose "
              "columns by select:",
              key));
    }
    const auto known = scope_.catalog.find(input.name);
    if (known == scope_.catalog.end()) return false;
    input_schema_ = known->second.schema;
    return true;
  }

  bool take_columns() {
    take_format();
    const Node* columns = fields_.find("columns");
    if (columns == nullptr) {
      if (fields_.has("columns")) return false;
      diagnostics_.error(fields_.at("from"), "columns-missing",
                         "a stream over a topic needs the columns to take from its records; write "
                         "columns: {name: text, …}");
      return false;
    }
    auto checked = check_columns(scope_, *columns, stream_);
    if (!checked) return false;
    stream_.columns = std::move(checked->columns);
    stream_.columns_at = std::move(checked->at);
    std::vector<Column> schema;
    for (const auto& column : stream_.columns) schema.push_back({column.name, column.type});
    input_schema_ = Schema(std::move(schema));
    return true;
  }

  void take_format() {
    const Node* format = fields_.find("format");
    const Node* name = format;
    Node settings;
    if (format != nullptr && format->is_mapping()) {
      if (format->entries.size() != 1) {
        diagnostics_.error(format->at, "wrong-shape",
                           "\"format\" names one format; write it as {csv: {delimiter: \";\"}}");
        return;
      }
      name = &format->entries[0].key;
      settings = format->entries[0].value;
    }
    if (settings.is_nothing()) settings.at = name == nullptr ? stream_.at : name->at;
    stream_.format =
        name == nullptr ? std::string(section("stream").find("format")->default_text) : name->text;
    const auto& formats = scope_.registry.formats;
    const auto spec = std::ranges::find(formats, stream_.format, &connector::Spec::name);
    if (spec == formats.end()) {
      const auto names = names_of(formats);
      auto hint = did_you_mean(stream_.format, names);
      if (hint.empty()) hint = fmt::format("; write one of {}", fmt::join(names, ", "));
      diagnostics_.error(
          name == nullptr ? stream_.at : name->at, "unknown-format",
          fmt::format("there is no format \"{}\"{}", printable(stream_.format), hint));
      return;
    }
    if (auto checked = check_settings(settings, *spec, diagnostics_)) {
      stream_.format_settings = std::move(checked->settings);
    }
  }

  bool take_select() {
    const Node* select = fields_.find("select");
    if (select == nullptr) {
      if (fields_.has("select")) return false;
      stream_.query.input = stream_.input;
      stream_.query.output = input_schema_;
      stream_.query.identity = true;
      stream_.query.reads.assign(input_schema_.size(), true);
      stream_.schema = input_schema_;
      return true;
    }
    stream_.select = select->text;
    if (!tables_known(*select)) return false;
    const auto kind =
        stream_.from_topic ? sql::Relation::Kind::topic_columns : sql::Relation::Kind::stream;
    sql::Catalog catalog = scope_.catalog;
    catalog.insert(scope_.tables.begin(), scope_.tables.end());
    catalog.insert_or_assign(stream_.input, sql::Relation{kind, input_schema_});
    auto query = scope_.analyser.row_query(select->text, stream_.input, catalog);
    if (!query) {
      scope_.report_sql(*declaration_.document, *select, query.error());
      return false;
    }
    stream_.schema = query->output;
    stream_.query = std::move(*query);
    return true;
  }

  /// False when the query joins with a table or view that has a fault itself.
  bool tables_known(const Node& select) {
    bool known = true;
    for (const auto& name : names_after_from(select.text)) {
      const auto* relation = scope_.find(name);
      if (relation == nullptr) continue;
      if (relation->kind != Kind::table && relation->kind != Kind::view) continue;
      scope_.use(relation->name);
      const Location at = declaration_.document->locate(select, select.text.find(name));
      known = known && scope_.has_rows(relation->name, "a stream's join", at) &&
              (scope_.is_looked_up(relation->name) || scope_.catalog.contains(relation->name));
    }
    return known;
  }

  void take_event_time(bool rows_known) {
    const Node* value = fields_.find("event_time");
    if (value == nullptr) return;
    const Fields fields(*value, section("event_time"), diagnostics_);
    EventTime time;
    time.delay_ms = fields.number("delay").value_or(0);
    time.idle_ms = fields.number("idle_after").value_or(0);
    time.goes_on = fields.text("when_idle") == "go_on";
    if (time.goes_on && time.idle_ms == 0) {
      diagnostics_.error(fields.at("when_idle"), "conflicting-keys",
                         "with idle_after: 0s no partition ever falls idle; give idle_after a "
                         "time, or remove when_idle");
    }
    time.max_drift_ms = fields.number("max_drift").value_or(0);
    if (time.max_drift_ms > 0 && time.idle_ms == 0) {
      diagnostics_.error(fields.at("max_drift"), "conflicting-keys",
                         "with idle_after: 0s an empty partition would hold all others up for "
                         "ever; give idle_after a time, or remove max_drift");
    }
    time.max_ahead_ms = fields.number("max_ahead").value_or(0);
    time.keeps_future = fields.text("ahead") == "keep";
    const Node* column = fields.find("column");
    if (column == nullptr || !rows_known) return;
    const auto index =
        scope_.column(*column, stream_.schema, fmt::format("the stream \"{}\"", stream_.name));
    if (!index) return;
    const auto& type = stream_.schema[*index].type;
    if (type.id() != DUCKDB_TYPE_TIMESTAMP && type.id() != DUCKDB_TYPE_TIMESTAMP_TZ) {
      diagnostics_.error(column->at, "event-time-type",
                         fmt::format("\"{0}\" is of type {1}; event time is a TIMESTAMP or "
                                     "TIMESTAMPTZ: give the column that type, or add "
                                     "CAST({0} AS TIMESTAMP) to select:",
                                     column->shown(), type.to_sql()));
      return;
    }
    time.column = *index;
    stream_.event_time = time;
  }

  void take_expectations(bool rows_known) {
    const Node* all = fields_.find("expect");
    if (all == nullptr) return;
    for (const auto& [name, value] : all->entries) {
      if (const auto ok = check_name(name.text, Named::label); !ok) {
        diagnostics_.error(name.at, ok.error().code, ok.error().message);
      }
      const Fields fields(value, section("expectation"), diagnostics_);
      if (!fields.readable()) continue;
      Expectation expectation;
      expectation.name = name.text;
      expectation.at = name.at;
      expectation.otherwise = refusal(fields.text("else").value_or("quarantine"));
      const Node* that = fields.find("that");
      if (that == nullptr || !rows_known) continue;
      expectation.that = that->text;
      auto sql = scope_.analyser.stream_predicate(that->text, stream_.schema);
      if (!sql) {
        scope_.report_sql(*declaration_.document, *that, sql.error());
        continue;
      }
      expectation.sql = std::move(*sql);
      stream_.expectations.push_back(std::move(expectation));
    }
  }

  static Refusal refusal(std::string_view word) {
    if (word == "drop") return Refusal::drop;
    if (word == "warn") return Refusal::warn;
    if (word == "fail") return Refusal::fail;
    return Refusal::quarantine;
  }

  Scope& scope_;
  Diagnostics& diagnostics_;
  const Declaration& declaration_;
  Fields fields_;
  StreamNode stream_;
  Schema input_schema_;
};

}  // namespace

void check_stream(Scope& scope, const Declaration& declaration) {
  StreamChecker(scope, declaration).run();
}

}  // namespace leat::pipeline
