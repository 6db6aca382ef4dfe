#include "pipeline/view_parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace leat::pipeline {
namespace {

/// Of the operators before the last nobody can ask for windows that are final: they are forgotten.
op::WindowRules rules_of_part(op::WindowRules rules, bool last) {
  if (!last && rules.end_windows()) rules.retain_us = rules.open_for_us();
  return rules;
}

struct Definer {
  const op::WindowRules& rules;  ///< where its windows close
  const bool last;

  op::ViewDefinition operator()(sql::AggregateQuery& query) const {
    op::AggregateView view{rules};
    view.query = std::move(query);
    return view;
  }
  op::ViewDefinition operator()(sql::SelectQuery& query) const {
    return op::SelectView{.inputs = std::move(query.inputs),
                          .output = std::move(query.output),
                          .kept = last,
                          .shown = last,
                          .window_key = query.window_key};
  }
  op::ViewDefinition operator()(sql::JoinQuery& query) const {
    op::JoinView view{rules};
    view.query = std::move(query);
    return view;
  }
  op::ViewDefinition operator()(sql::KeyedQuery& query) const {
    op::KeyedView view{rules};
    view.query = std::move(query);
    return view;
  }
};

bool has_sessions(const sql::ViewQuery& query) {
  return std::ranges::any_of(query.parts, [](const sql::QueryPart& part) {
    const auto* keyed = std::get_if<sql::KeyedQuery>(&part.query);
    return keyed != nullptr && keyed->session;
  });
}

/// The result's column that says when its rows end: one of windows, or where its rows leave by
/// event time this.
std::optional<sql::WindowKey> end_of_rows(const sql::ViewQuery& query) {
  for (const auto& [column, time] : query.event_times) {
    if (time.bounds_window) return sql::WindowKey{column, time.behind_us};
  }
  if (std::ranges::none_of(query.parts, &sql::QueryPart::rows_leave) || query.event_times.empty()) {
    return std::nullopt;
  }
  const auto& [column, time] = *query.event_times.begin();
  return sql::WindowKey{column, time.behind_us + 1};
}

/// Behind the last operator one that hands its rows on, for what only it can do with them.
void add_last_select(sql::ViewQuery& query) {
  sql::QueryPart& result = query.parts.back();
  const auto taken = [&](const std::string& name) {
    return std::ranges::any_of(query.parts, [&](const auto& part) { return part.name == name; });
  };
  const std::string view = result.name;
  for (std::size_t number = query.parts.size(); taken(result.name); ++number) {
    const std::string name = fmt::format("{}#{}", view, number);
    if (!taken(name)) result.name = name;
    if (result.name != view) break;
  }
  sql::SelectQuery select;
  select.inputs.push_back({.input = result.name,
                           .sql = "",
                           .schema = result.output,
                           .weighted = !query.rows_only_come});
  select.output = result.output;
  sql::QueryPart last{.name = view, .inputs = {result.name}, .query = {}, .output = result.output};
  last.query = std::move(select);
  last.behind_us = query.behind_us;
  query.parts.push_back(std::move(last));
}

}  // namespace

void add_parts(sql::ViewQuery query, const PartRules& rules, ViewNode& view) {
  const bool selects = std::holds_alternative<sql::SelectQuery>(query.parts.back().query);
  if (!selects && (rules.pace_us || !rules.unique.empty() || query.parts.back().rows_leave())) {
    add_last_select(query);
  }
  auto* last = std::get_if<sql::SelectQuery>(&query.parts.back().query);
  if (last != nullptr && !last->window_key) last->window_key = end_of_rows(query);
  const bool ends_leave = !has_sessions(query);
  for (sql::QueryPart& part : query.parts) {
    const bool is_last = &part == &query.parts.back();
    const op::WindowRules own =
        part.closes ? rules_of_part(rules.windows, is_last) : op::WindowRules();
    ViewPart made{.name = part.name,
                  .inputs = part.inputs,
                  .definition = std::visit(Definer{own, is_last}, part.query),
                  .schema = part.output,
                  .behind_us = part.behind_us};
    if (!is_last) {
      view.parts.push_back(std::move(made));
      continue;
    }
    if (auto* select = std::get_if<op::SelectView>(&made.definition)) {
      select->kept = rules.kept;
      if (select->window_key) select->retain_us = rules.windows.retain_us;
      select->pace_us = rules.pace_us;
      select->ends_leave = ends_leave;
      select->unique = rules.unique;
    }
    static_cast<ViewPart&>(view) = std::move(made);
  }
  const bool once_closed = rules.windows.emit == op::Emit::on_close &&
                           rules.windows.late != op::Late::update && view.parts.empty();
  view.append_only = once_closed || query.rows_only_come;
}

}  // namespace leat::pipeline
