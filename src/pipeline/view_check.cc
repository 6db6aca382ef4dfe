#include "pipeline/view_check.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/lateness_check.h"
#include "pipeline/names.h"
#include "pipeline/scalar.h"
#include "pipeline/sql_text.h"
#include "pipeline/ttl_check.h"

namespace leat::pipeline {
namespace {

using Kind = Relation::Kind;

/// The columns of the query's output that are its group keys; nothing when one is not put out.
std::vector<std::size_t> key_columns(const sql::AggregateQuery& query) {
  std::vector<std::optional<std::size_t>> place(query.key_count);
  const auto items = select_items(query.post);
  for (std::size_t i = 0; i < std::min(items.size(), query.output.size()); ++i) {
    std::string_view item = items[i];
    item.remove_prefix(std::min(item.size(), item.find_first_not_of(" \n\t\"")));
    if (!item.starts_with('k')) continue;
    std::size_t key = 0;
    const auto [end, error] = std::from_chars(item.data() + 1, item.data() + item.size(), key);
    if (error != std::errc() || key >= place.size() || place[key]) continue;
    const std::string_view rest(end, static_cast<std::size_t>(item.data() + item.size() - end));
    const auto after = rest.find_first_not_of(" \n\t\"");
    const bool alone =
        after == std::string_view::npos || folded(rest.substr(after)).starts_with("as ");
    if (alone) place[key] = i;
  }
  std::vector<std::size_t> out;
  for (const auto& index : place) {
    if (!index) return {};
    out.push_back(*index);
  }
  return out;
}

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
    view_.name = declaration_.name->text;
    view_.at = declaration_.name->at;
    view_.pipeline = declaration_.pipeline;
    const bool known = fields_.has("query") ? take_query() : take_latest();
    if (!known || diagnostics_.errors() != before) return;
    take_ttl(fields_, scope_, view_);
    if (diagnostics_.errors() != before) return;
    note_state();
    scope_.catalog.insert_or_assign(view_.name,
                                    sql::Relation{sql::Relation::Kind::view, view_.schema});
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
    refuse({"emit", "retain", "late", "allowed_lateness"},
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
      diagnostics_.error(from.at, "wrong-input", table_remedy("a view", input->name));
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
    const auto keys = fields_.names("key");
    if (keys.empty() && fields_.find("key") != nullptr) {
      diagnostics_.error(fields_.at("key"), "missing-key",
                         "the key has no columns; name those that identify a row");
    }
    for (const Node* name : keys) {
      const auto index = scope_.column(*name, input, relation);
      if (!index) continue;
      if (std::ranges::find(latest.key, *index) != latest.key.end()) {
        diagnostics_.error(
            name->at, "duplicate-column",
            fmt::format("\"{}\" stands in the key twice; name it once", name->shown()));
        continue;
      }
      latest.key.push_back(*index);
    }
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
        {"from", "key", "version", "deletes"},
        "is for a view of the newest row per key; a view with a \"query\" reads what stands after "
        "its FROM: remove it");
    windows_.emit = fields_.text("emit") == "on_close" ? op::Emit::on_close : op::Emit::on_update;
    if (const auto retain = fields_.number("retain")) windows_.retain_us = *retain * 1000;
    take_lateness(fields_, diagnostics_, windows_);
    const Node* query = fields_.find("query");
    if (query == nullptr || !inputs_known(*query)) return false;
    auto analysed = scope_.analyser.view_query(query->text, view_.name, scope_.catalog);
    if (!analysed) {
      scope_.report_sql(*declaration_.document, *query, analysed.error());
      return false;
    }
    view_.query = query->text;
    view_.reads = analysed->reads;
    for (const std::string& name : view_.reads) scope_.use(name);
    check_windows(*analysed);
    check_updates(*analysed);
    take_parts(std::move(*analysed));
    return true;
  }

  /// The query's operators, with what the file says of windows for all of them that have some.
  void take_parts(sql::ViewQuery query) {
    for (sql::QueryPart& part : query.parts) {
      ViewPart made{.name = part.name,
                    .inputs = part.inputs,
                    .definition = {},
                    .schema = part.output,
                    .behind_us = part.behind_us};
      const bool last = &part == &query.parts.back();
      if (auto* aggregate = std::get_if<sql::AggregateQuery>(&part.query)) {
        if (last) view_.key = key_columns(*aggregate);
        op::AggregateView view = part.closes ? windows_ : op::AggregateView();
        view.query = std::move(*aggregate);
        made.definition = std::move(view);
      } else if (auto* select = std::get_if<sql::SelectQuery>(&part.query)) {
        made.definition = op::SelectView{
            .inputs = std::move(select->inputs), .output = std::move(select->output), .kept = last};
      } else if (auto* join = std::get_if<sql::JoinQuery>(&part.query)) {
        made.definition = op::JoinView{std::move(*join)};
      } else if (auto* keyed = std::get_if<sql::KeyedQuery>(&part.query)) {
        op::KeyedView view{.query = std::move(*keyed)};
        if (part.closes) {
          view.emit = windows_.emit;
          view.retain_us = windows_.retain_us;
          view.late = windows_.late;
        }
        made.definition = std::move(view);
      }
      if (last) {
        static_cast<ViewPart&>(view_) = std::move(made);
      } else {
        view_.parts.push_back(std::move(made));
      }
    }
    view_.append_only = windows_.emit == op::Emit::on_close && windows_.late != op::Late::update &&
                        view_.parts.empty();
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
      } else if (relation->kind == Kind::table) {
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
    const bool closes = fields_.text("emit") == "on_close";
    if (!closes && !fields_.has("retain")) return;
    const std::string_view key = closes ? "emit" : "retain";
    const std::string_view what = closes ? "emit: on_close" : "retain";
    bool any = false;
    for (const sql::QueryPart& part : query.parts) {
      const auto* aggregate = std::get_if<sql::AggregateQuery>(&part.query);
      const auto* keyed = std::get_if<sql::KeyedQuery>(&part.query);
      const bool windows =
          (aggregate != nullptr && aggregate->window) || (keyed != nullptr && keyed->session);
      if (!windows) continue;
      any = true;
      if (!part.closes) refuse_event_time(key, what, part);
    }
    if (any) return;
    diagnostics_.error(
        fields_.at(key), "no-window",
        fmt::format("{} needs windows, which this query has none of; write FROM tumble({}, "
                    "time_column, INTERVAL '1 hour') and group by window_start, or remove it",
                    what, query.reads.front()));
  }

  /// A window that is given out again would change what later steps have closed already, and the
  /// rows of a session may join it with its neighbours.
  void check_updates(const sql::ViewQuery& query) {
    if (windows_.late != op::Late::update) return;
    if (query.parts.size() == 1 &&
        std::holds_alternative<sql::AggregateQuery>(query.parts[0].query)) {
      return;
    }
    diagnostics_.error(fields_.at("late"), "conflicting-keys",
                       "late: update is for groups in tumble(…), hop(…) or cumulate(…) alone, and "
                       "this query has sessions or is computed in several steps; remove it, or "
                       "count the windows in a view of their own");
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
    if (aggregate != nullptr && aggregate->query.window) {
      remedy = "bound it with retain: 7d";
    } else if (aggregate != nullptr && view_.parts.empty()) {
      remedy = "bound it with ttl: 7d, or count in windows: FROM tumble(…), with retain: 7d";
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
  op::AggregateView windows_;  ///< what the file says of windows, without a query
  ViewNode view_;
};

}  // namespace

void check_view(Scope& scope, const Declaration& declaration) {
  ViewChecker(scope, declaration).run();
}

namespace {

const std::optional<op::TimeToLive>& ttl_of(const ViewPart& view) {
  static const std::optional<op::TimeToLive> none;
  return std::visit(
      [](const auto& definition) -> const std::optional<op::TimeToLive>& {
        if constexpr (requires { definition.ttl; }) return definition.ttl;
        return none;
      },
      view.definition);
}

/// "for ever", or until when.
std::string kept_for(const ViewPart& view) {
  const auto& ttl = ttl_of(view);
  if (!ttl) return "for ever";
  const bool by_event = ttl->by == op::TimeToLive::By::event_time;
  return fmt::format("until {} without a row{}", duration_text(ttl->length_us / 1000),
                     by_event ? " of event time" : "");
}

/// Whether an operator's state grows with every new key or row, for ever.
struct GrowsForEver {
  bool operator()(const op::LatestView& view) const { return !view.ttl; }
  bool operator()(const op::AggregateView& view) const {
    if (view.query.window) return !view.retain_us;
    if (view.ttl) return false;
    return view.query.key_count > 0 ||
           std::ranges::any_of(view.query.aggregates, &sql::AggregateCall::distinct);
  }
  bool operator()(const op::SelectView& view) const { return view.kept; }
  bool operator()(const op::JoinView& view) const { return !view.query.bound; }
  bool operator()(const op::KeyedView& view) const {
    if (view.query.session) return !view.retain_us;
    return !(view.query.survivors && view.query.key_count == 0);
  }
};

}  // namespace

bool grows_for_ever(const ViewPart& part) { return std::visit(GrowsForEver(), part.definition); }

bool grows_for_ever(const ViewNode& view) {
  return grows_for_ever(static_cast<const ViewPart&>(view)) ||
         std::ranges::any_of(view.parts, [](const ViewPart& part) { return grows_for_ever(part); });
}

std::string window_text(const sql::Window& window) {
  const auto size = duration_text(window.size_us / 1000);
  const auto slide = duration_text(window.slide_us / 1000);
  std::string text = size;
  if (window.kind == sql::Window::Kind::hop) text = fmt::format("{} each {}", size, slide);
  if (window.kind == sql::Window::Kind::cumulate) {
    text = fmt::format("up to {} in steps of {}", size, slide);
  }
  if (window.offset_us == 0) return text;
  return fmt::format("{}, offset {}", text, duration_text(window.offset_us / 1000));
}

namespace {

/// What the operators of a query keep that is computed in several steps, or by a key's rows.
std::string state_of_parts(const ViewNode& view) {
  const auto text_of = [](const ViewPart& part) -> std::string {
    if (const auto* join = std::get_if<op::JoinView>(&part.definition)) {
      const auto& query = join->query;
      return query.bound ? "the joined rows until none can match them any more"
                         : fmt::format("every row of {} and {}, for ever", query.left.input,
                                       query.right.input);
    }
    if (const auto* keyed = std::get_if<op::KeyedView>(&part.definition)) {
      if (keyed->query.session) return "the rows of each session until it closes";
      return keyed->query.survivors ? "the rows that are in the result"
                                    : "every row that it reads, for ever";
    }
    if (const auto* select = std::get_if<op::SelectView>(&part.definition)) {
      return select->kept ? "its rows" : "";
    }
    return grows_for_ever(part) ? "one row per distinct group, for ever" : "its groups";
  };
  std::vector<std::string> texts;
  for (const ViewPart& part : view.parts) texts.push_back(text_of(part));
  texts.push_back(text_of(view));
  std::vector<std::string> distinct;
  for (std::string& text : texts) {
    if (text.empty() || std::ranges::find(distinct, text) != distinct.end()) continue;
    distinct.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(distinct, "; "));
}

}  // namespace

std::string state_bound(const ViewNode& view, const Schema& input) {
  if (const auto* latest = std::get_if<op::LatestView>(&view.definition)) {
    std::vector<std::string> names;
    for (const auto index : latest->key) names.push_back(input[index].name);
    return fmt::format("one row per distinct {}{}, {}", fmt::join(names, ", "),
                       latest->deletes.empty() ? "" : " that is not deleted", kept_for(view));
  }
  const auto* definition = std::get_if<op::AggregateView>(&view.definition);
  if (definition == nullptr || !view.parts.empty()) return state_of_parts(view);
  const op::AggregateView& aggregate = *definition;
  const auto& query = aggregate.query;
  if (query.window) {
    const auto width = window_text(*query.window);
    const auto kept = aggregate.retain_us ? fmt::format("until {} after its end",
                                                        duration_text(*aggregate.retain_us / 1000))
                                          : std::string("for ever");
    if (aggregate.late == op::Late::update) {
      return fmt::format("the groups of each window of {} until {} after its end, and its rows {}",
                         width, duration_text(aggregate.allowed_lateness_us / 1000), kept);
    }
    if (aggregate.emit == op::Emit::on_close) {
      return fmt::format("the groups of each window of {} until it closes, and its rows {}", width,
                         kept);
    }
    return fmt::format("the groups of each window of {} {}", width, kept);
  }
  if (query.key_count == 0) {
    return grows_for_ever(view) ? "every distinct value that it counts, for ever" : "one row";
  }
  if (view.key.empty()) return "one row per distinct group, " + kept_for(view);
  std::vector<std::string> names;
  for (const auto index : view.key) names.push_back(view.schema[index].name);
  return fmt::format("one row per distinct {}, {}", fmt::join(names, ", "), kept_for(view));
}

}  // namespace leat::pipeline
