// FROM as one relation: tables, common table expressions, subqueries, windows.

#include <algorithm>

#include "sql/came.h"
#include "sql/planner.h"
#include "sql/row_query.h"
#include "sql/window_call.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

std::vector<std::string> aliases_of(const Node& from) {
  std::vector<std::string> names;
  for (const Node& name : from.value("column_name_alias", Node::array())) {
    names.push_back(name.get<std::string>());
  }
  return names;
}

/// The relation's columns under a table's alias, some of them renamed.
FromScope scope_of(const std::string& alias, const Schema& schema,
                   const std::vector<std::string>& renamed) {
  FromScope scope;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    if (schema[i].name == came_column) continue;
    scope.add({alias, i < renamed.size() ? renamed[i] : schema[i].name, schema[i].name});
  }
  return scope;
}

}  // namespace

Analysed<Planner::From> Planner::plan_from(const Node& from, const Environment& env,
                                           std::vector<Node>& where) {
  const std::string type = text_in(from, "type");
  if (type == "BASE_TABLE") return plan_table(from, env);
  if (type == "TABLE_FUNCTION") return plan_window_call(from, env);
  if (type == "JOIN") return plan_join(from, env, where);
  if (type == "SUBQUERY") {
    From out;
    out.relation = LEAT_TRY_SQL(plan(from.at("subquery").at("node"), env));
    const std::string alias = text_in(from, "alias");
    out.scope = scope_of(alias.empty() ? "unnamed_subquery" : alias, relation(out.relation).schema,
                         aliases_of(from));
    return out;
  }
  return sql_fault(code, position_of(from),
                   "a view reads streams, views, subqueries and joins of them in FROM");
}

Analysed<std::string> Planner::relation_of(const std::string& name, const Environment& env,
                                           std::size_t position) {
  for (const Environment* at = &env; at != nullptr; at = at->outer) {
    if (const auto cte = at->ctes.find(lower(name)); cte != at->ctes.end()) {
      return cte->second.relation;
    }
  }
  const Relation* found = LEAT_TRY_SQL(find_relation(catalog_, name, position));
  if (found->kind == Relation::Kind::table) {
    return sql_fault("wrong-input", position,
                     "\"{}\" is a table that streams look rows up in by key: join it in the "
                     "`select` of a stream, and read that stream here",
                     name);
  }
  for (const auto& [known, relation] : catalog_) {
    if (&relation != found) continue;
    if (known.find('#') == std::string::npos) reads_.insert(known);
    return known;
  }
  return name;
}

Analysed<Planner::From> Planner::plan_table(const Node& from, const Environment& env) {
  const std::string name = text_in(from, "table_name");
  const std::string alias = text_in(from, "alias");
  From out;
  out.relation = LEAT_TRY_SQL(relation_of(name, env, position_of(from)));
  std::vector<std::string> renamed = aliases_of(from);
  for (const Environment* at = &env; at != nullptr && renamed.empty(); at = at->outer) {
    if (const auto cte = at->ctes.find(lower(name)); cte != at->ctes.end()) {
      renamed = cte->second.columns;
      break;
    }
  }
  out.scope = scope_of(alias.empty() ? name : alias, relation(out.relation).schema, renamed);
  return out;
}

Analysed<Planner::From> Planner::plan_window_call(const Node& from, const Environment& env) {
  Node call = from;
  Node& arguments = call.at("function").at("children");
  if (!arguments.empty() && is_class(arguments[0], "COLUMN_REF") &&
      parts_of(arguments[0]).size() == 1) {
    const std::string input =
        LEAT_TRY_SQL(relation_of(parts_of(arguments[0])[0], env, position_of(arguments[0])));
    arguments[0]["column_names"] = Node::array({input});
  }
  const WindowCall analysed = LEAT_TRY_SQL(analyse_window_call(call, catalog_));
  const std::string alias = text_in(from, "alias");
  From out;
  out.scope =
      scope_of(alias.empty() ? analysed.function : alias, analysed.columns, aliases_of(from));
  call["alias"] = "";
  call["column_name_alias"] = Node::array();
  out.window_call = std::move(call);
  return out;
}

/// A relation of the rows with their windows, where no aggregate takes the call as it is.
Analysed<void> Planner::make_windows(From& from) {
  if (!from.window_call) return {};
  const WindowCall call = LEAT_TRY_SQL(analyse_window_call(*from.window_call, catalog_));
  if (call.window.kind == Window::Kind::session) {
    Block all;
    all.query = LEAT_TRY_SQL(binding_.parse("SELECT 1"));
    all.query["select_list"] = items_of(call.columns.names());
    all.from = from;
    from.relation = LEAT_TRY_SQL(sessions(std::move(all), {}));
    from.window_call.reset();
    return {};
  }
  add_window_rows(from, call);
  return {};
}

/// `SELECT … FROM (SELECT *, row_number() OVER (…) AS n FROM …) WHERE n <= 10`: the condition
/// becomes the subquery's QUALIFY, which need not keep what is dropped.
void Planner::push_rank_filter(Node& subquery, std::vector<Node>& where, const std::string& alias) {
  if (text_in(subquery, "type") != "SELECT_NODE" || !subquery.at("modifiers").empty()) return;
  std::set<std::string> ranks;
  for (const Node& item : subquery.at("select_list")) {
    if (is_class(item, "WINDOW")) ranks.insert(lower(text_in(item, "alias")));
  }
  std::erase_if(where, [&](const Node& condition) {
    if (!is_class(condition, "COMPARISON") || !is_class(condition.at("left"), "COLUMN_REF") ||
        !is_class(condition.at("right"), "CONSTANT")) {
      return false;
    }
    const auto parts = parts_of(condition.at("left"));
    const bool qualified = parts.size() == 2 && lower(parts[0]) == lower(alias);
    if ((parts.size() != 1 && !qualified) || !ranks.contains(lower(parts.back()))) return false;
    Node moved = condition;
    moved["left"]["column_names"] = Node::array({parts.back()});
    std::vector<Node> all = conjuncts_of(subquery.at("qualify"));
    all.push_back(std::move(moved));
    subquery["qualify"] = conjunction_of(all);
    return true;
  });
}

}  // namespace leat::sql
