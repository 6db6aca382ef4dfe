// Subqueries in expressions: IN and EXISTS in WHERE are semi and anti joins, scalar ones are joined
// to the rows that they stand beside.

#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

bool has_subquery(const Node& expression) {
  bool found = false;
  walk(expression, [&](const Node& node) {
    found |= is_class(node, "SUBQUERY");
    return !found;
  });
  return found;
}

/// The first one, of which there is one.
const Node& subquery_in(const Node& expression) {
  const Node* found = &expression;
  walk(expression, [&](const Node& node) {
    if (is_class(node, "SUBQUERY") && found == &expression) found = &node;
    return found == &expression;
  });
  return *found;
}

/// Aggregates that say 0 of no rows; the others say NULL.
bool counts(const std::string& function) {
  return function == "count" || function == "count_star" || function == "regr_count" ||
         function == "approx_count_distinct";
}

}  // namespace

Analysed<void> Planner::plan_subqueries(Node& query, From& from, std::vector<Node>& where,
                                        const Environment& env) {
  std::vector<Node> left;
  for (Node& condition : std::exchange(where, {})) {
    if (!has_subquery(condition)) {
      left.push_back(std::move(condition));
      continue;
    }
    LEAT_TRY_SQL(make_windows(from));
    if (LEAT_TRY_SQL(plan_condition(condition, from, left, env))) continue;
    LEAT_TRY_SQL(replace_scalars(condition, from, env));
    left.push_back(std::move(condition));
  }
  where = std::move(left);
  std::set<std::string> added;
  for (const char* clause : {"group_expressions", "select_list", "having", "qualify"}) {
    if (!has_subquery(query.at(clause))) continue;
    LEAT_TRY_SQL(make_windows(from));
    const std::size_t at = position_of(subquery_in(query.at(clause)));
    LEAT_TRY_SQL(replace_scalars(query.at(clause), from, env, &added));
    LEAT_TRY_SQL(group_by_values(query, clause, added, at));
  }
  return {};
}

/// The values of subqueries that stand beside aggregates are the same for all rows of a group: they
/// become keys of it.
Analysed<void> Planner::group_by_values(Node& query, const char* clause,
                                        const std::set<std::string>& values, std::size_t at) const {
  Node& groups = query["group_expressions"];
  const bool aggregated =
      find_aggregate(query.at("select_list"), binding_.functions()) != nullptr ||
      !query.at("having").is_null();
  if (std::string_view(clause) == "group_expressions" || (groups.empty() && !aggregated)) return {};
  std::set<std::string> read;
  walk(query.at(clause), [&](const Node& node) {
    if (is_class(node, "FUNCTION") && binding_.functions().is_aggregate(function_name(node))) {
      return false;
    }
    if (is_class(node, "COLUMN_REF") && values.contains(parts_of(node)[0])) {
      read.insert(parts_of(node)[0]);
    }
    return true;
  });
  if (read.empty()) return {};
  if (groups.empty()) {
    return sql_fault(code, at,
                     "a subquery that gives one value can't stand beside aggregates of all rows: "
                     "put the aggregates into a subquery in FROM");
  }
  for (const std::string& name : read) {
    for (Node& set : query["group_sets"]) set.push_back(groups.size());
    groups.push_back(column_ref(name));
  }
  return {};
}

/// A condition that is IN or EXISTS alone; false where it is something else.
Analysed<bool> Planner::plan_condition(const Node& condition, From& from, std::vector<Node>& where,
                                       const Environment& env) {
  const Node* subquery = &condition;
  bool negated = false;
  while (text_in(*subquery, "type") == "OPERATOR_NOT") {
    subquery = &subquery->at("children").at(0);
    negated = !negated;
  }
  if (!is_class(*subquery, "SUBQUERY")) return false;
  const std::string type = text_in(*subquery, "subquery_type");
  if (type == "EXISTS" || type == "NOT_EXISTS") {
    LEAT_TRY_SQL(exists(*subquery, negated != (type == "NOT_EXISTS"), from, env));
    return true;
  }
  if (type == "ANY" && text_in(*subquery, "comparison_type") == "COMPARE_EQUAL") {
    LEAT_TRY_SQL(is_in(*subquery, negated, from, where, env));
    return true;
  }
  return false;
}

/// Plans the FROM of a subquery and tells its conditions apart: those that name columns of the
/// query around it, and its own.
Analysed<Planner::Inner> Planner::plan_inner(const Node& subquery, const From& outer,
                                             const Environment& env) {
  const Node& node = subquery.at("subquery").at("node");
  const std::size_t at = position_of(subquery);
  if (text_in(node, "type") != "SELECT_NODE") {
    // UNION and the like: a relation of its own.
    Inner inner;
    inner.from.relation = LEAT_TRY_SQL(plan(node, env));
    inner.from.scope = FromScope("", relation(inner.from.relation).schema.names());
    return inner;
  }
  const std::set<std::string> needed = std::exchange(needed_, {});
  const bool all_needed = std::exchange(all_needed_, true);
  Inner inner;
  inner.query = node;
  std::vector<Node> where = conjuncts_of(node.at("where_clause"));
  inner.from = LEAT_TRY_SQL(plan_from(node.at("from_table"), env, where));
  needed_ = needed;
  all_needed_ = all_needed;
  LEAT_TRY_SQL(make_windows(inner.from));
  for (Node& condition : where) {
    const bool own = inner.from.scope.covers(condition) || has_subquery(condition) ||
                     !outer.scope.touches(condition);
    (own ? inner.local : inner.correlated).push_back(std::move(condition));
  }
  const bool reshaped = !node.at("modifiers").empty() || !node.at("having").is_null() ||
                        !node.at("qualify").is_null() || !node.at("group_expressions").empty();
  if (!inner.correlated.empty() && reshaped) {
    return sql_fault(code, at,
                     "a subquery that names columns of the query around it can't have GROUP BY, "
                     "HAVING, DISTINCT or LIMIT here: write it as a join");
  }
  return inner;
}

/// An aggregate without GROUP BY gives a row over no rows, too, which no join says.
Analysed<void> Planner::refuse_aggregate(const Node& subquery, const Inner& inner) const {
  if (inner.correlated.empty() || !is_grouped(inner.query)) return {};
  return sql_fault(code, position_of(subquery),
                   "an aggregate of rows that name columns of the query around it gives a row even "
                   "where there are none, so that EXISTS always holds: write EXISTS (SELECT 1 …), "
                   "or compare its value: (SELECT count(*) …) > 0");
}

/// The rows of `from` that have (or have not) a row in the subquery.
Analysed<void> Planner::exists(const Node& subquery, bool negated, From& from,
                               const Environment& env) {
  Inner inner = LEAT_TRY_SQL(plan_inner(subquery, from, env));
  LEAT_TRY_SQL(refuse_aggregate(subquery, inner));
  if (inner.correlated.empty()) {
    inner.from.relation = LEAT_TRY_SQL(plan(subquery.at("subquery").at("node"), env));
    inner.from.scope = FromScope("", relation(inner.from.relation).schema.names());
    inner.local.clear();
  }
  std::vector<Node> conditions = std::move(inner.correlated);
  for (Node& condition : inner.local) {
    LEAT_TRY_SQL(replace_scalars(condition, inner.from, env));
    conditions.push_back(std::move(condition));
  }
  const auto kind = negated ? JoinQuery::Kind::anti : JoinQuery::Kind::semi;
  return join_beside(from, std::move(inner.from), kind, std::move(conditions));
}

/// `x IN (SELECT y …)`. `x NOT IN` holds where no y is equal, and no NULL could be: x and every y
/// are known, or there is no y at all.
Analysed<void> Planner::is_in(const Node& subquery, bool negated, From& from,
                              std::vector<Node>& where, const Environment& env) {
  const Node& node = subquery.at("subquery").at("node");
  Inner inner = LEAT_TRY_SQL(plan_inner(subquery, from, env));
  LEAT_TRY_SQL(refuse_aggregate(subquery, inner));
  const bool correlated = !inner.correlated.empty();
  Node value;
  if (correlated) {
    if (negated) {
      return sql_fault(code, position_of(subquery),
                       "NOT IN with a subquery that names columns of the query around it: write "
                       "NOT EXISTS (… AND y = x)");
    }
    value = node.at("select_list").at(0);
  } else {
    const std::string table = fmt::format("in{}", ++added_columns_);
    inner.from.relation = LEAT_TRY_SQL(plan(node, env));
    inner.from.scope = FromScope(table, relation(inner.from.relation).schema.names());
    inner.local.clear();
    value = column_of(table, relation(inner.from.relation).schema[0].name);
  }
  const std::string values = inner.from.relation;
  std::vector<Node> conditions = std::move(inner.correlated);
  for (Node& condition : inner.local) conditions.push_back(std::move(condition));
  conditions.push_back(comparison("COMPARE_EQUAL", subquery.at("child"), value));
  const auto kind = negated ? JoinQuery::Kind::anti : JoinQuery::Kind::semi;
  LEAT_TRY_SQL(join_beside(from, std::move(inner.from), kind, std::move(conditions)));
  if (!negated) return {};
  // How many values there are, and how many of them are known.
  const std::string all = fmt::format("all{}", ++added_columns_);
  const std::string known = fmt::format("known{}", added_columns_);
  Block counts;
  counts.query = LEAT_TRY_SQL(binding_.parse("SELECT count(*) AS a, count(x) AS b"));
  Node& list = counts.query["select_list"];
  list[0]["alias"] = all;
  list[1]["alias"] = known;
  list[1]["children"][0] = column_ref(relation(values).schema[0].name);
  counts.from = {values, FromScope("", relation(values).schema.names())};
  From one{LEAT_TRY_SQL(aggregate(counts)), {}};
  one.scope = FromScope("", {all, known});
  LEAT_TRY_SQL(join_beside(from, std::move(one), JoinQuery::Kind::inner, {}));
  Node condition =
      LEAT_TRY_SQL(binding_.expression_of("SELECT (a = 0) OR ((x IS NOT NULL) AND (a = b))"));
  replace_expressions(condition, [&](const Node& at) -> std::optional<Node> {
    if (!is_class(at, "COLUMN_REF")) return std::nullopt;
    const std::string name = parts_of(at)[0];
    if (name == "x") return subquery.at("child");
    return column_ref(name == "a" ? all : known);
  });
  where.push_back(std::move(condition));
  return {};
}

/// Puts the value of each scalar subquery in an expression beside the rows, as a column.
Analysed<void> Planner::replace_scalars(Node& expression, From& from, const Environment& env,
                                        std::set<std::string>* added) {
  Analysed<void> done;
  replace_expressions(expression, [&](const Node& node) -> std::optional<Node> {
    if (!done || !is_class(node, "SUBQUERY")) return std::nullopt;
    auto column = plan_scalar(node, from, env);
    if (column && added != nullptr) {
      walk(*column, [&](const Node& at) {
        if (is_class(at, "COLUMN_REF")) added->insert(parts_of(at)[0]);
        return true;
      });
    }
    if (column) return std::move(*column);
    done = std::unexpected(std::move(column).error());
    return std::nullopt;
  });
  return done;
}

Analysed<Node> Planner::plan_scalar(const Node& subquery, From& from, const Environment& env) {
  const std::size_t at = position_of(subquery);
  if (text_in(subquery, "subquery_type") != "SCALAR") {
    return sql_fault(code, at,
                     "IN and EXISTS stand alone in WHERE, joined to other conditions by AND: not "
                     "below OR, in CASE or in SELECT");
  }
  const Node& node = subquery.at("subquery").at("node");
  const bool one_row = text_in(node, "type") == "SELECT_NODE" &&
                       node.at("group_expressions").empty() && node.at("select_list").size() == 1 &&
                       find_aggregate(node.at("select_list"), binding_.functions()) != nullptr;
  if (!one_row) {
    return sql_fault(code, at,
                     "a subquery that gives one value must be an aggregate without GROUP BY, such "
                     "as (SELECT max(a) FROM …): else it may give several rows");
  }
  Inner inner = LEAT_TRY_SQL(plan_inner(subquery, from, env));
  const std::string name = fmt::format("value{}", ++added_columns_);
  Block block;
  block.query = std::move(inner.query);
  block.query["from_table"] = nullptr;
  block.query["where_clause"] = nullptr;
  block.query["select_list"][0]["alias"] = name;
  std::vector<Node> conditions;
  Node groups = Node::array();
  std::vector<std::string> columns{name};
  for (Node& condition : inner.correlated) {
    // outer = inner: the inner side becomes a group key.
    const bool equal = text_in(condition, "type") == "COMPARE_EQUAL";
    const FromScope& own = inner.from.scope;
    const bool left = equal && own.covers(condition.at("left"));
    if (!equal || (!left && !own.covers(condition.at("right")))) {
      return sql_fault(code, at,
                       "a subquery for one value may name columns of the query around it in "
                       "equalities only: a.k = b.k");
    }
    const Node key = own.resolved(condition.at(left ? "left" : "right"));
    columns.push_back(fmt::format("key{}", ++added_columns_));
    groups.push_back(key);
    block.query["select_list"].push_back(key);
    block.query["select_list"].back()["alias"] = columns.back();
    conditions.push_back(comparison("COMPARE_EQUAL", condition.at(left ? "right" : "left"),
                                    column_of(name, columns.back())));
  }
  for (const char* clause : {"select_list", "having"}) {
    block.query[clause] = inner.from.scope.resolved(block.query.at(clause));
  }
  for (Node& condition : inner.local) {
    LEAT_TRY_SQL(replace_scalars(condition, inner.from, env));
    block.where.push_back(inner.from.scope.resolved(condition));
  }
  if (!groups.empty()) {
    block.query["group_sets"] = Node::array({Node::array()});
    for (std::size_t i = 0; i < groups.size(); ++i) block.query["group_sets"][0].push_back(i);
    block.query["group_expressions"] = std::move(groups);
  }
  const bool keyed = !conditions.empty();
  Node value = column_ref(name);
  if (keyed) {
    const Node& item = block.query.at("select_list")[0];
    value = LEAT_TRY_SQL(value_where_joined(item, inner.from.relation, name, columns.back()));
  }
  block.from = std::move(inner.from);
  From one{LEAT_TRY_SQL(aggregate(block)), FromScope(name, columns)};
  LEAT_TRY_SQL(join_beside(from, std::move(one),
                           keyed ? JoinQuery::Kind::left : JoinQuery::Kind::inner,
                           std::move(conditions)));
  return value;
}

/// A subquery's value beside rows that it was joined to: where it has no rows there is no key.
Analysed<Node> Planner::value_where_joined(const Node& item, const std::string& input,
                                           const std::string& name, const std::string& key) {
  // An aggregate alone is NULL without rows, as a column is that finds no match.
  const bool alone = find_aggregate(item, binding_.functions()) == &item;
  if (alone && !counts(function_name(item))) return column_ref(name);
  const Node without_rows = LEAT_TRY_SQL(value_without_rows(item, input));
  Node value = LEAT_TRY_SQL(
      binding_.expression_of("SELECT CASE WHEN k IS NULL THEN without_rows ELSE v END"));
  replace_expressions(value, [&](const Node& part) -> std::optional<Node> {
    if (!is_class(part, "COLUMN_REF")) return std::nullopt;
    const std::string what = parts_of(part)[0];
    if (what == "without_rows") return without_rows;
    return column_ref(what == "k" ? key : name);
  });
  return value;
}

/// What an expression of aggregates over the relation says of no rows.
Analysed<Node> Planner::value_without_rows(const Node& expression, const std::string& input) {
  Node out = expression;
  out["alias"] = "";
  Analysed<void> done;
  replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
    if (!done || !is_class(node, "FUNCTION")) return std::nullopt;
    const std::string function = function_name(node);
    if (!binding_.functions().is_aggregate(function)) return std::nullopt;
    const auto type = type_of(node, input);
    if (!type) {
      done = std::unexpected(type.error());
      return std::nullopt;
    }
    const char* value = counts(function) ? "0" : "NULL";
    auto constant =
        binding_.expression_of(fmt::format("SELECT CAST({} AS {})", value, type->to_sql()));
    if (constant) return std::move(*constant);
    done = std::unexpected(std::move(constant).error());
    return std::nullopt;
  });
  LEAT_TRY_SQL(std::move(done));
  return out;
}

/// Joins something to the rows whose names must stay what they are; the columns that it adds are
/// found by their bare names and are in no star.
Analysed<void> Planner::join_beside(From& from, From other, JoinQuery::Kind kind,
                                    std::vector<Node> conditions) {
  const bool all_needed = std::exchange(all_needed_, true);
  From joined =
      LEAT_TRY_SQL(join(std::move(from), std::move(other), kind, std::move(conditions), {}));
  all_needed_ = all_needed;
  from = std::move(joined);
  return {};
}

}  // namespace leat::sql
