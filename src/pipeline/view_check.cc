#include "pipeline/view_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/lateness_check.h"
#include "pipeline/names.h"
#include "pipeline/scalar.h"
#include "pipeline/sql_text.h"
#include "pipeline/ttl_check.h"
#include "pipeline/view_parts.h"
#include "pipeline/view_state.h"

namespace leat::pipeline {
namespace {

using Kind = Relation::Kind;

class ViewChecker {
 public:
  ViewChecker(Scope& scope, const Declaration& declaration)
      : scope_(scope),
        diagnostics_(scope.diagnostics),
        declaration_(declaration),
        fields_(*declaration.body, section("view"), scope.diagnostics) {}

  void run() {
    if (!fields_.readable()) return;
    const auto before = diagnostics_.errors();
    ttl_ = read_ttl(fields_, diagnostics_);
    view_.name = declaration_.name->text;
    view_.at = declaration_.name->at;
    view_.pipeline = declaration_.pipeline;
    const bool known = fields_.has("query") ? take_query() : take_latest();
    if (!known || diagnostics_.errors() != before) return;
    if (ttl_) take_ttl(*ttl_, fields_, scope_, view_);
    if (diagnostics_.errors() != before) return;
    note_state();
    sql::Relation relation{sql::Relation::Kind::view, view_.schema};
    if (!view_.key.empty() || view_.one_row) relation.unique = view_.key;
    if (windows_.end_windows()) {
      relation.event_times = std::move(event_times_);
      relation.behind_us = behind_us_ + windows_.open_for_us();
    }
    scope_.catalog.insert_or_assign(view_.name, std::move(relation));
    scope_.graph.views.push_back(std::move(view_));
  }

 private:
  void refuse(std::initializer_list<const char*> keys, std::string_view why) {
    for (const auto* key : keys) {
      if (!fields_.has(key)) continue;
      diagnostics_.error(fields_.at(key), "conflicting-keys", fmt::format("\"{}\" {}", key, why));
    }
  }

  bool take_latest() {
    refuse({"emit", "retain", "late", "allowed_lateness", "keep"},
           "is for a view with a \"query\"; remove it");
    if (!fields_.has("from") && !fields_.has("key")) {
      diagnostics_.error(fields_.at(), "missing-key",
                         "this view has neither \"query\" nor \"from\"; write query: SELECT …, or "
                         "from: and key:");
      return false;
    }
    for (const auto* key : {"from", "key"}) {
      if (fields_.has(key)) continue;
      diagnostics_.error(
          fields_.at(), "missing-key",
          fmt::format("\"{0}\" is missing here; a view of the newest row per key has "
                      "from: and key:",
                      key));
    }
    const Node* from = fields_.find("from");
    if (from == nullptr) return false;
    const Schema* input = latest_input(*from);
    return input != nullptr && take_keys(*input);
  }

  const Schema* latest_input(const Node& from) {
    const auto* input = scope_.resolve(from, {Kind::stream});
    if (input == nullptr) return nullptr;
    scope_.use(input->name);
    if (input->kind == Kind::topic) {
      diagnostics_.error(from.at, "wrong-input",
                         fmt::format("a view can't read the topic \"{}\", whose records have no "
                                     "columns yet; declare a stream over it and read that",
                                     input->name));
      return nullptr;
    }
    if (input->kind == Kind::table) {
      const bool kept = scope_.catalog.contains(input->name);
      diagnostics_.error(
          from.at, "wrong-input",
          kept ? fmt::format("the rows of the table \"{0}\" are taken back when they change, so "
                             "none is the newest; write query: SELECT … FROM {0}",
                             input->name)
               : table_remedy("a view", input->name));
      return nullptr;
    }
    if (input->kind == Kind::view) {
      const auto* view = scope_.view(input->name);
      if (view != nullptr && !view->append_only) {
        diagnostics_.error(
            from.at, "wrong-input",
            fmt::format(
                "the rows of the view \"{}\" are taken back when they change, so none is the "
                "newest; read a stream, or write this view as a query over it",
                input->name));
        return nullptr;
      }
    }
    const auto known = scope_.catalog.find(input->name);
    if (known == scope_.catalog.end()) return nullptr;
    view_.inputs = {input->name};
    view_.reads = view_.inputs;
    return &known->second.schema;
  }

  bool take_keys(const Schema& input) {
    op::LatestView latest;
    const auto relation = fmt::format("\"{}\"", view_.inputs.front());
    latest.key = key_columns(input, relation).value_or(std::vector<std::size_t>());
    if (const Node* version = fields_.find("version")) {
      latest.version = scope_.column(*version, input, relation);
    }
    if (const Node* deletes = fields_.find("deletes")) {
      auto sql = scope_.analyser.predicate(deletes->text, input);
      if (sql) {
        latest.deletes = std::move(*sql);
      } else {
        scope_.report_sql(*declaration_.document, *deletes, sql.error());
      }
    }
    view_.schema = input;
    view_.key = latest.key;
    view_.definition = std::move(latest);
    return !view_.key.empty();
  }

  bool take_query() {
    refuse(
        {"from", "version", "deletes"},
        "is for a view of the newest row per key; a view with a \"query\" reads what stands after "
        "its FROM: remove it");
    take_emit();
    if (const auto retain = fields_.number("retain")) windows_.retain_us = *retain * 1000;
    take_lateness(fields_, diagnostics_, windows_);
    const Node* query = fields_.find("query");
    if (query == nullptr || !inputs_known(*query)) return false;
    sql::ViewQueryOptions options{.on_close = windows_.emit == op::Emit::on_close};
    if (ttl_ && ttl_->by == op::TimeToLive::By::event_time)
      options.joins_within_us = ttl_->length_us;
    auto analysed = scope_.analyser.view_query(query->text, view_.name, scope_.catalog, options);
    if (!analysed) {
      scope_.report_sql(*declaration_.document, *query, analysed.error());
      return false;
    }
    view_.query = query->text;
    view_.reads = analysed->reads;
    for (const std::string& name : view_.reads) scope_.use(name);
    check_windows(*analysed);
    const bool keyed = take_key_of_query(*analysed);
    event_times_ = analysed->event_times;
    behind_us_ = analysed->behind_us;
    const bool kept = fields_.flag("keep");
    if (!kept) check_not_kept(analysed->parts.back());
    add_parts(std::move(*analysed), {windows_, pace_us_, unique_, kept}, view_);
    return keyed;
  }

  /// Only what gives its rows one by one can do without them.
  void check_not_kept(const sql::QueryPart& result) {
    const auto refuse_keep = [&](std::string_view why) {
      diagnostics_.error(fields_.at("keep"), "conflicting-keys",
                         fmt::format("keep: false {}", why));
    };
    if (!std::holds_alternative<sql::SelectQuery>(result.query) && !result.rows_leave()) {
      refuse_keep(
          "spares nothing here, as this query's rows are what it computes by (groups, windows, "
          "sessions, first rows or DISTINCT); remove it, or write it in a view over this one");
    }
    if (pace_us_) {
      refuse_keep(
          "can't go with emit: {early: …}, which needs the rows that were given out; remove "
          "one of them");
    }
    if (!unique_.empty()) {
      refuse_keep(
          "can't go with this key, which the query does not ensure and which is watched "
          "among the rows; remove one of them");
    }
  }

  void take_emit() {
    const Node* emit = fields_.find("emit");
    if (emit == nullptr || emit->is_scalar()) {
      if (fields_.text("emit") == "on_close") windows_.emit = op::Emit::on_close;
      return;
    }
    const Fields early(*emit, section("view.emit"), diagnostics_);
    windows_.emit = op::Emit::early;
    if (const auto pace = early.number("early")) pace_us_ = *pace * 1000;
  }

  /// `key` of a query: what the query itself does not ensure is watched.
  bool take_key_of_query(const sql::ViewQuery& query) {
    const Schema& rows = query.parts.back().output;
    view_.key = query.key.value_or(std::vector<std::size_t>());
    view_.one_row = query.key && query.key->empty();
    if (!fields_.has("key")) return true;
    const auto keys = key_columns(rows, "the query's result");
    if (!keys) return false;
    const bool ensured = query.key && std::ranges::all_of(*query.key, [&](std::size_t column) {
                           return std::ranges::find(*keys, column) != keys->end();
                         });
    view_.key = *keys;
    view_.one_row = false;
    if (!ensured) unique_ = *keys;
    return true;
  }

  /// The columns that `key` names; nothing: they were reported.
  std::optional<std::vector<std::size_t>> key_columns(const Schema& rows,
                                                      const std::string& relation) {
    std::vector<std::size_t> columns;
    const auto keys = fields_.names("key");
    if (keys.empty() && fields_.find("key") != nullptr) {
      diagnostics_.error(fields_.at("key"), "missing-key",
                         "the key has no columns; name those that identify a row");
    }
    for (const Node* name : keys) {
      const auto index = scope_.column(*name, rows, relation);
      if (!index) continue;
      if (std::ranges::find(columns, *index) != columns.end()) {
        diagnostics_.error(
            name->at, "duplicate-column",
            fmt::format("\"{}\" stands in the key twice; name it once", name->shown()));
        continue;
      }
      columns.push_back(*index);
    }
    if (columns.empty()) return std::nullopt;
    return columns;
  }

  /// False when the query reads something that has a fault itself, or a topic.
  bool inputs_known(const Node& query) {
    bool known = true;
    for (const auto& name : names_after_from(query.text)) {
      const auto* relation = scope_.find(name);
      if (relation == nullptr) continue;
      scope_.use(relation->name);
      if (relation->kind == Kind::topic) {
        const auto position = query.text.find(name);
        diagnostics_.error(declaration_.document->locate(query, position), "wrong-input",
                           fmt::format("a view can't read the topic \"{}\", whose records have no "
                                       "columns yet; declare a stream over it and read that",
                                       name));
        known = false;
      } else if (relation->kind == Kind::table && scope_.is_looked_up(relation->name)) {
        diagnostics_.error(declaration_.document->locate(query, query.text.find(name)),
                           "wrong-input", table_remedy("a view", name));
        known = false;
      } else if (!scope_.catalog.contains(relation->name)) {
        known = false;
      }
    }
    return known;
  }

  void check_windows(const sql::ViewQuery& query) {
    const bool closes = windows_.emit != op::Emit::on_update;
    if (!closes && !fields_.has("retain")) return;
    const std::string_view key = closes ? "emit" : "retain";
    const std::string_view what = !closes                               ? "retain"
                                  : windows_.emit == op::Emit::on_close ? "emit: on_close"
                                                                        : "emit: {early: …}";
    bool any = false;
    for (const sql::QueryPart& part : query.parts) {
      if (part.rows_leave()) check_rows_that_leave(query);
      const auto* aggregate = std::get_if<sql::AggregateQuery>(&part.query);
      const auto* keyed = std::get_if<sql::KeyedQuery>(&part.query);
      const bool windows = part.closes || (aggregate != nullptr && aggregate->window) ||
                           (keyed != nullptr && keyed->session);
      if (!windows) continue;
      any = true;
      if (!part.closes) refuse_event_time(key, what, part);
    }
    if (any) return;
    diagnostics_.error(
        fields_.at(key), "no-window",
        fmt::format("{} needs windows, which this query has none of; write FROM tumble({}, "
                    "time_column, INTERVAL '1 hour') and group by window_start{}, or remove it",
                    what, query.reads.front(),
                    windows_.emit == op::Emit::on_close
                        ? ", or window functions ordered by event time"
                        : ""));
  }

  /// Window functions that give out each row once.
  void check_rows_that_leave(const sql::ViewQuery& query) {
    if (windows_.late == op::Late::update) {
      diagnostics_.error(fields_.at("late"), "conflicting-keys",
                         "late: update is for windows; of window functions that emit on close a "
                         "row leaves once: remove it");
    }
    if (windows_.retain_us && query.event_times.empty()) {
      diagnostics_.error(fields_.at("retain"), "conflicting-keys",
                         "retain goes by the event time of the rows, which the result does not "
                         "have; select that column, or write keep: false instead");
    }
  }

  /// Windows that can't close: they are not of a stream's event time.
  void refuse_event_time(std::string_view key, std::string_view what, const sql::QueryPart& part) {
    const auto* stream = scope_.stream(part.inputs.front());
    const auto* aggregate = std::get_if<sql::AggregateQuery>(&part.query);
    if (stream == nullptr || aggregate == nullptr) {
      diagnostics_.error(
          fields_.at(key), "no-event-time",
          fmt::format("{} needs event time, which only streams have, and what joins "
                      "them in time; \"{}\" is a view: read its stream, or remove it",
                      what, part.inputs.front()));
      return;
    }
    const auto& column = stream->schema[aggregate->window->time_column].name;
    if (!stream->event_time) {
      diagnostics_.error(fields_.at(key), "no-event-time",
                         fmt::format("{} needs the event time of the stream \"{}\" ({}:{}); add "
                                     "event_time: {{column: {}, delay: 10s}} there",
                                     what, stream->name, printable(stream->at.file, 4096),
                                     stream->at.line, column));
      return;
    }
    diagnostics_.error(
        fields_.at(key), "no-event-time",
        fmt::format("{} needs windows over the event time of the stream \"{}\", which is \"{}\", "
                    "not \"{}\"; write that column in the window function",
                    what, stream->name, stream->schema[stream->event_time->column].name, column));
  }

  void note_state() {
    if (!grows_for_ever(view_)) return;
    const auto known = scope_.catalog.find(view_.inputs.front());
    const auto* aggregate = std::get_if<op::AggregateView>(&view_.definition);
    std::string remedy = "bound it with ttl: 7d, or with deletes: and a condition, if rows end";
    const auto grows_by_time = [](const ViewPart& part) {
      return goes_by_time(part) && grows_for_ever(part);
    };
    if (std::ranges::any_of(view_.parts, grows_by_time)) {
      remedy = "bound it with ttl: {event_time: 7d}, so that older rows are not looked at";
    } else if (keeps_windows(view_)) {
      remedy = "bound it with retain: 7d";
    } else if ((aggregate != nullptr && view_.parts.empty()) || groups_handed_on(view_)) {
      remedy = "bound it with ttl: 7d, or count in windows: FROM tumble(…), with retain: 7d";
    } else if (only_its_rows_grow(view_)) {
      remedy = "if they only leave for sinks or other views, write keep: false";
    } else if (could_close(view_)) {
      remedy =
          "with emit: on_close each row leaves once, when nothing that it goes by can come any "
          "more, and what no row will look at is forgotten";
    } else if (joins_streams(view_)) {
      remedy =
          "bound it with ttl: {event_time: 7d}, so that rows further apart don't match, or by "
          "event "
          "time in ON";
    } else if (!view_.query.empty()) {
      remedy = "bound it by windows, or join streams whose event times lie near each other";
    }
    diagnostics_.note(view_.at, "unbounded-state",
                      fmt::format("the view \"{}\" keeps {}; {}", view_.name,
                                  state_bound(view_, known->second.schema), remedy));
  }

  Scope& scope_;
  Diagnostics& diagnostics_;
  const Declaration& declaration_;
  Fields fields_;
  op::WindowRules windows_;  ///< what the file says of windows
  std::optional<std::int64_t> pace_us_;
  std::optional<op::TimeToLive> ttl_;
  std::vector<std::size_t> unique_;  ///< of `key`, where the query itself does not ensure it
  std::map<std::size_t, sql::EventTimeColumn> event_times_;
  std::int64_t behind_us_ = 0;
  ViewNode view_;
};

}  // namespace

void check_view(Scope& scope, const Declaration& declaration) {
  ViewChecker(scope, declaration).run();
}

}  // namespace leat::pipeline
