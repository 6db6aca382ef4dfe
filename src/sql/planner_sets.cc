// UNION, INTERSECT and EXCEPT.

#include <algorithm>
#include <numeric>

#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

/// What holds of columns on both sides.
std::map<std::size_t, EventTimeColumn> common_times(
    const std::map<std::size_t, EventTimeColumn>& left,
    const std::map<std::size_t, EventTimeColumn>& right) {
  std::map<std::size_t, EventTimeColumn> common;
  for (const auto& [column, time] : left) {
    const auto other = right.find(column);
    if (other == right.end()) continue;
    common[column] = {std::max(time.behind_us, other->second.behind_us),
                      time.bounds_window && other->second.bounds_window};
  }
  return common;
}

}  // namespace

Analysed<std::string> Planner::plan_set(const Node& query, const Environment& env) {
  const std::string type = text_in(query, "setop_type");
  const bool all = query.value("setop_all", false);
  if (type != "UNION" && type != "EXCEPT" && type != "INTERSECT") {
    return sql_fault(code, 0,
                     "{} can't be kept up to date: name the columns in one order, and "
                     "write UNION ALL",
                     type);
  }
  Node rest = query;
  Modifiers modifiers = LEAT_TRY_SQL(take_modifiers(rest));
  const std::string left = LEAT_TRY_SQL(plan(query.at("left"), env));
  const std::string right = LEAT_TRY_SQL(plan(query.at("right"), env));
  if (relation(left).schema.size() != relation(right).schema.size()) {
    return sql_fault("type-mismatch", 0, "both sides of {} need as many columns", type);
  }
  std::vector<Column> columns;
  for (std::size_t i = 0; i < relation(left).schema.size(); ++i) {
    const Column& l = relation(left).schema[i];
    const Column& r = relation(right).schema[i];
    if (l.type == r.type) {
      columns.push_back(l);
      continue;
    }
    const std::string sql =
        fmt::format("SELECT CAST(NULL AS {}) AS a UNION ALL SELECT CAST(NULL AS {})",
                    l.type.to_sql(), r.type.to_sql());
    columns.push_back({l.name, LEAT_TRY_SQL(binding_.bind_rewritten(sql, {}))[0].type});
  }
  const Schema output(std::move(columns));
  std::string rows;
  if (type == "UNION") {
    rows = LEAT_TRY_SQL(union_all({left, right}, output));
    if (!all) rows = LEAT_TRY_SQL(distinct(rows));
  } else {
    rows = LEAT_TRY_SQL(difference(left, right, output, query));
  }
  if (modifiers.distinct) rows = LEAT_TRY_SQL(distinct(rows));
  return modifiers.limit ? top_rows(rows, modifiers) : rows;
}

/// The relation's columns, as the result has them.
Analysed<std::vector<Node>> Planner::items_as(const std::string& input, const Schema& output) {
  std::vector<Node> items;
  for (std::size_t i = 0; i < output.size(); ++i) {
    const Column& column = relation(input).schema[i];
    items.push_back(LEAT_TRY_SQL(cast_to(column_ref(column.name), column.type, output[i].type)));
    items.back()["alias"] = output[i].name;
  }
  return items;
}

Analysed<std::string> Planner::union_all(const std::vector<std::string>& relations,
                                         const Schema& output) {
  SelectQuery query;
  query.output = output;
  Relation made{Relation::Kind::stream, output};
  std::optional<std::map<std::size_t, EventTimeColumn>> times;
  for (const std::string& input : relations) {
    const std::vector<Node> items = LEAT_TRY_SQL(items_as(input, output));
    query.inputs.push_back(LEAT_TRY_SQL(row_input(input, items, {})));
    if (is_weighted(input)) made.kind = Relation::Kind::view;
    made.behind_us = std::max(made.behind_us, relation(input).behind_us);
    times = times ? common_times(*times, relation(input).event_times) : relation(input).event_times;
  }
  made.event_times = std::move(times).value_or(made.event_times);
  return add(std::move(query), output, relations, std::move(made));
}

/// EXCEPT and INTERSECT: the key is the whole row.
Analysed<std::string> Planner::difference(const std::string& left, const std::string& right,
                                          const Schema& output, const Node& query) {
  KeyedQuery out;
  out.key_count = output.size();
  out.output = output;
  Relation made{Relation::Kind::view, output};
  made.behind_us = std::max(relation(left).behind_us, relation(right).behind_us);
  for (const auto& [column, time] :
       common_times(relation(left).event_times, relation(right).event_times)) {
    if (time.bounds_window) made.event_times.emplace(column, time);
  }
  // The window's column is the first key.
  std::vector<std::size_t> order(output.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!made.event_times.empty()) {
    const auto& [column, time] = *made.event_times.begin();
    std::swap(order[0], order[column]);
    out.window_key = WindowKey{0, time.behind_us};
  }
  std::vector<Program::LookupInput> lookups;
  for (const std::string& input : {left, right}) {
    const std::vector<Node> values = LEAT_TRY_SQL(items_as(input, output));
    std::vector<Node> items;
    for (std::size_t i = 0; i < values.size(); ++i) {
      items.push_back(values[order[i]]);
      items.back()["alias"] = fmt::format("k{}", i);
    }
    std::vector<Column> columns;
    for (std::size_t i = 0; i < values.size(); ++i) {
      items.push_back(values[i]);
      items.back()["alias"] = fmt::format("c{}", i);
      columns.push_back({fmt::format("c{}", i), output[i].type});
    }
    out.inputs.push_back(LEAT_TRY_SQL(row_input(input, items, {})));
    columns.push_back({key_column, Type::of(DUCKDB_TYPE_BIGINT)});
    lookups.push_back({fmt::format("{}", lookups.size()), Schema(std::move(columns))});
  }
  const std::string word =
      text_in(query, "setop_type") + (query.value("setop_all", false) ? std::string(" ALL") : "");
  out.sql = fmt::format("SELECT * FROM {0}('0') {1} SELECT * FROM {0}('1')", lookup_function, word);
  LEAT_TRY_SQL(binding_.bind_rewritten(out.sql, {{}, false, false, lookups}));
  if (!query.value("setop_all", false)) {
    made.unique.emplace(output.size());
    std::iota(made.unique->begin(), made.unique->end(), std::size_t{0});
  }
  const bool closes = out.window_key.has_value();
  std::string name = add(std::move(out), output, {left, right}, std::move(made));
  parts_.back().closes = closes;
  return name;
}

}  // namespace leat::sql
