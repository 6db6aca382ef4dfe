// `a ASOF JOIN b ON a.k = b.k AND a.t >= b.t`: with each row of a the last row of b before it.

#include "sql/planner_sides.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

/// The two sides as the query that is run knows them.
constexpr const char* left_name = "l";
constexpr const char* right_name = "r";

/// What ON and USING say. The last column of USING is the one that is compared by order.
std::vector<Node> conditions_of(const Node& join) {
  std::vector<Node> conditions = conjuncts_of(join.at("condition"));
  const Node& names = join.at("using_columns");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Node column = column_ref(names[i].get<std::string>());
    const bool last = i + 1 == names.size();
    conditions.push_back(
        comparison(last ? "COMPARE_GREATERTHANOREQUALTO" : "COMPARE_EQUAL", column, column));
  }
  return conditions;
}

}  // namespace

/// Computed anew for each k.
Analysed<Planner::From> Planner::asof_join(From left, From right, const Node& join) {
  LEAT_TRY_SQL(refuse_now(conjuncts_of(join.at("condition")), left, right));
  JoinSides sides{{std::move(left)}, {std::move(right)}};
  std::vector<Node> by_order;
  for (Node& condition : conditions_of(join)) {
    const bool equal = text_in(condition, "type") == "COMPARE_EQUAL";
    (equal ? sides.conditions : by_order).push_back(std::move(condition));
  }
  LEAT_TRY_SQL(take_keys(sides));
  if (!sides.conditions.empty() || by_order.size() != 1) {
    return sql_fault(code, position_of(join),
                     "ASOF JOIN … ON takes equalities and one comparison by order: a.k = b.k AND "
                     "a.t >= b.t");
  }
  for (JoinSide* side : {&sides.left, &sides.right}) {
    for (const auto& column : side->from.scope.columns()) side->read.insert(column.column);
  }
  // Where a key or what is compared by order is NULL nothing matches.
  std::vector<Node> matched = sides.right.keys;
  const Node& written = by_order.front();
  const bool left_first = sides.left.from.scope.covers(written.at("left"));
  matched.push_back(sides.right.from.scope.resolved(written.at(left_first ? "right" : "left")));
  for (const Node& key : matched) {
    Node known = LEAT_TRY_SQL(binding_.expression_of("SELECT a IS NOT NULL"));
    known["children"] = Node::array({key});
    sides.right.where.push_back(std::move(known));
  }
  KeyedQuery query;
  query.key_count = sides.left.keys.size();
  query.inputs.push_back(LEAT_TRY_SQL(join_input(sides, sides.left, true)));
  query.inputs.push_back(LEAT_TRY_SQL(join_input(sides, sides.right, true)));
  const Node order = asof_order(sides, by_order.front());
  const Node& left_time = order.at(left_first ? "left" : "right");
  LEAT_TRY_SQL(write_asof(query, text_in(join, "join_type"), order, left_time));
  From out;
  Relation made{Relation::Kind::view, query.output};
  Schema output = query.output;
  out.relation = add(std::move(query), std::move(output),
                     {sides.left.from.relation, sides.right.from.relation}, std::move(made));
  out.scope = std::move(sides.scope);
  return out;
}

/// The comparison over the sides' columns.
Node Planner::asof_order(const JoinSides& sides, const Node& written) {
  const auto over = [](const JoinSide& side, const char* table, const Node& expression) {
    Node out = expression;
    replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
      if (!is_class(node, "COLUMN_REF")) return std::nullopt;
      auto own = side.from.scope.resolve(node);
      if (!own) return std::nullopt;
      auto parts = parts_of(*own);
      parts[0] = side.names.at(parts[0]);
      parts.insert(parts.begin(), table);
      (*own)["column_names"] = parts;
      return own;
    });
    return out;
  };
  const bool left_first = sides.left.from.scope.covers(written.at("left"));
  const JoinSide& first = left_first ? sides.left : sides.right;
  const JoinSide& second = left_first ? sides.right : sides.left;
  Node order = written;
  order["left"] = over(first, left_first ? left_name : right_name, written.at("left"));
  order["right"] = over(second, left_first ? right_name : left_name, written.at("right"));
  return order;
}

/// The query over the rows of some keys, and what it gives.
Analysed<void> Planner::write_asof(KeyedQuery& query, const std::string& join_type,
                                   const Node& order, const Node& left_time) {
  Node sql = LEAT_TRY_SQL(
      binding_.parse(fmt::format("SELECT 1 FROM {0}('0') AS {1} ASOF JOIN {0}('1') AS {2} ON true",
                                 lookup_function, left_name, right_name)));
  sql["from_table"]["join_type"] = join_type;
  // DuckDB finds something for a NULL here when the other side is a function's rows: no key is -1.
  Node left_key = LEAT_TRY_SQL(
      binding_.expression_of("SELECT CASE WHEN t IS NULL THEN CAST(-1 AS BIGINT) ELSE k END"));
  replace_expressions(left_key, [&](const Node& node) -> std::optional<Node> {
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    return parts_of(node)[0] == "t" ? left_time : column_of(left_name, key_column);
  });
  sql["from_table"]["condition"] = conjunction_of(
      {comparison("COMPARE_EQUAL", std::move(left_key), column_of(right_name, key_column)), order});
  Node list = Node::array();
  std::vector<Program::LookupInput> lookups;
  for (const ViewInput& input : query.inputs) {
    const char* table = lookups.empty() ? left_name : right_name;
    std::vector<Column> columns(input.schema.begin() + static_cast<std::ptrdiff_t>(query.key_count),
                                input.schema.end());
    for (const Column& column : columns) {
      list.push_back(column_of(table, column.name));
      list.back()["alias"] = column.name;
    }
    columns.push_back({key_column, Type::of(DUCKDB_TYPE_BIGINT)});
    lookups.push_back({fmt::format("{}", lookups.size()), Schema(std::move(columns))});
  }
  list.push_back(column_of(left_name, key_column));
  sql["select_list"] = std::move(list);
  query.sql = LEAT_TRY_SQL(binding_.to_sql(sql));
  const Schema bound =
      LEAT_TRY_SQL(binding_.bind_rewritten(query.sql, {{}, false, false, lookups}));
  query.output = Schema(std::vector<Column>(bound.begin(), bound.end() - 1));
  return {};
}

}  // namespace leat::sql
