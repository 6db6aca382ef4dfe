// How far apart in time the rows that a join of streams matches may be.

#include <algorithm>

#include "sql/interval.h"
#include "sql/planner_sides.h"

namespace leat::sql {
namespace {

/// A column, and what is added to it.
struct Shifted {
  const Node* column = nullptr;
  std::int64_t us = 0;
};

std::optional<Shifted> shifted_column(const Node& expression) {
  if (is_class(expression, "COLUMN_REF")) return Shifted{&expression, 0};
  if (!is_class(expression, "FUNCTION")) return std::nullopt;
  const std::string name = function_name(expression);
  const Node& arguments = expression.at("children");
  if ((name != "+" && name != "-") || arguments.size() != 2) return std::nullopt;
  const bool first = is_class(arguments[0], "COLUMN_REF");
  if (!first && (name == "-" || !is_class(arguments[1], "COLUMN_REF"))) return std::nullopt;
  const auto us = interval_us(arguments[first ? 1 : 0], "an interval");
  if (!us) return std::nullopt;
  return Shifted{&arguments[first ? 0 : 1], name == "-" ? -*us : *us};
}

}  // namespace

std::vector<Node> without_between(const std::vector<Node>& conditions) {
  std::vector<Node> out;
  for (const Node& condition : conditions) {
    if (!is_class(condition, "BETWEEN")) {
      out.push_back(condition);
      continue;
    }
    for (const auto& [type, bound] : {std::pair{"COMPARE_GREATERTHANOREQUALTO", "lower"},
                                      std::pair{"COMPARE_LESSTHANOREQUALTO", "upper"}}) {
      out.push_back(comparison(type, condition.at("input"), condition.at(bound)));
      out.back()["query_location"] = position_of(condition);
    }
  }
  return out;
}

/// Two streams whose event times must lie near each other: rows that can't match any more need not
/// be kept.
std::optional<Planner::Nearness> Planner::nearness_of(const JoinSides& sides) const {
  const auto time_of = [&](const JoinSide& side, const Node& column) -> std::string {
    const auto own = side.from.scope.resolve(column);
    if (!own || parts_of(*own).size() != 1) return "";
    const Relation& known = relation(side.from.relation);
    const auto index = known.schema.find(parts_of(*own)[0]);
    return index && known.event_times.contains(*index) ? parts_of(*own)[0] : "";
  };
  std::optional<std::int64_t> lower, upper;
  Nearness near;
  for (const Node& condition : sides.conditions) {
    const std::string type = text_in(condition, "type");
    const bool at_least = type == "COMPARE_GREATERTHANOREQUALTO" || type == "COMPARE_GREATERTHAN";
    const bool at_most = type == "COMPARE_LESSTHANOREQUALTO" || type == "COMPARE_LESSTHAN";
    if (!at_least && !at_most) continue;
    const auto a = shifted_column(condition.at("left"));
    const auto b = shifted_column(condition.at("right"));
    if (!a || !b) continue;
    // left.time + a >= right.time + b is right.time - left.time <= a - b, or the other way round.
    std::string l = time_of(sides.left, *a->column);
    std::string r = time_of(sides.right, *b->column);
    bool bounds_below = at_most;
    std::int64_t distance = a->us - b->us;
    if (l.empty() || r.empty()) {
      l = time_of(sides.left, *b->column);
      r = time_of(sides.right, *a->column);
      bounds_below = at_least;
      distance = b->us - a->us;
    }
    if (l.empty() || r.empty()) continue;
    if (!near.left_time.empty() && (near.left_time != l || near.right_time != r)) continue;
    near.left_time = l;
    near.right_time = r;
    if (bounds_below) {
      lower = std::max(lower.value_or(distance), distance);
    } else {
      upper = std::min(upper.value_or(distance), distance);
    }
  }
  if (!lower || !upper || *lower > *upper) return std::nullopt;
  near.lower_us = *lower;
  near.upper_us = *upper;
  return near;
}

std::optional<JoinQuery::TimeBound> Planner::find_bound(const JoinSides& sides,
                                                        const JoinQuery& query) const {
  if (query.left.weighted || query.right.weighted) return std::nullopt;
  const auto near = nearness_of(sides);
  if (!near) return std::nullopt;
  const auto l = query.left.schema.find(sides.left.names.at(near->left_time));
  const auto r = query.right.schema.find(sides.right.names.at(near->right_time));
  if (!l || !r) return std::nullopt;
  return JoinQuery::TimeBound{*l, *r, near->lower_us, near->upper_us};
}

/// How the query may name a side's event time; nothing where it has none, or the name is the other
/// side's as well.
std::optional<Node> Planner::time_named(const JoinSide& side, const JoinSide& other) const {
  const Relation& known = relation(side.from.relation);
  if (known.kind != Relation::Kind::stream) return std::nullopt;
  for (const auto& [index, time] : known.event_times) {
    if (time.bounds_window) continue;
    for (const auto& column : side.from.scope.columns()) {
      if (column.column != known.schema[index].name) continue;
      Node name =
          column.table.empty() ? column_ref(column.name) : column_of(column.table, column.name);
      if (side.from.scope.resolve(name) && !other.from.scope.resolve(name)) return name;
    }
  }
  return std::nullopt;
}

/// Bounds a join of streams that ON doesn't, where the view asks for it. Whether it did.
Analysed<bool> Planner::add_bound_of_view(JoinSides& sides) {
  if (!options_.joins_within_us || nearness_of(sides)) return false;
  const auto left = time_named(sides.left, sides.right);
  const auto right = time_named(sides.right, sides.left);
  if (!left || !right) return false;
  Node near = LEAT_TRY_SQL(binding_.expression_of(fmt::format(
      "SELECT b BETWEEN a - {0} AND a + {0}", interval_sql(*options_.joins_within_us))));
  replace_expressions(near, [&](const Node& node) -> std::optional<Node> {
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    return parts_of(node)[0] == "a" ? left : right;
  });
  for (Node& condition : without_between({near})) sides.conditions.push_back(std::move(condition));
  return true;
}

}  // namespace leat::sql
