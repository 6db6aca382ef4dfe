// `a ASOF JOIN b ON a.k = b.k AND a.t >= b.t`: with each row of a the last row of b before it.

#include "sql/planner_sides.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

using Kind = JoinQuery::Kind;

constexpr std::string_view code = "not-incremental";

/// What ON and USING say. The last column of USING is the one that is compared by order.
std::vector<Node> conditions_of(const Node& join, const std::vector<std::string>& using_columns) {
  std::vector<Node> conditions = conjuncts_of(join.at("condition"));
  for (std::size_t i = 0; i < using_columns.size(); ++i) {
    const Node column = column_ref(using_columns[i]);
    const bool last = i + 1 == using_columns.size();
    conditions.push_back(
        comparison(last ? "COMPARE_GREATERTHANOREQUALTO" : "COMPARE_EQUAL", column, column));
  }
  return conditions;
}

/// What a comparison says of the right side's row, whose value stands on the right of it.
std::optional<JoinQuery::AsOf> asof_of(const std::string& comparison) {
  if (comparison == "COMPARE_GREATERTHANOREQUALTO") return JoinQuery::AsOf{false, false};
  if (comparison == "COMPARE_GREATERTHAN") return JoinQuery::AsOf{false, true};
  if (comparison == "COMPARE_LESSTHANOREQUALTO") return JoinQuery::AsOf{true, false};
  if (comparison == "COMPARE_LESSTHAN") return JoinQuery::AsOf{true, true};
  return std::nullopt;
}

}  // namespace

Analysed<Planner::From> Planner::asof_join(From left, From right, JoinQuery::Kind kind,
                                           const Node& join,
                                           const std::vector<std::string>& using_columns) {
  if (kind != Kind::inner && kind != Kind::left) {
    return sql_fault(code, position_of(join),
                     "an ASOF JOIN keeps rows without a match of the left side alone: write ASOF "
                     "LEFT JOIN");
  }
  LEAT_TRY_SQL(refuse_now(conjuncts_of(join.at("condition")), left, right));
  JoinSides sides{{std::move(left)}, {std::move(right)}, kind};
  std::vector<Node> by_order;
  for (Node& condition : conditions_of(join, using_columns)) {
    const bool equal = text_in(condition, "type") == "COMPARE_EQUAL";
    (equal ? sides.conditions : by_order).push_back(std::move(condition));
  }
  LEAT_TRY_SQL(take_keys(sides));
  JoinQuery query;
  query.kind = kind;
  if (sides.conditions.empty() && by_order.size() == 1) {
    query.asof = LEAT_TRY_SQL(take_order(sides, by_order.front()));
  }
  if (!query.asof) {
    return sql_fault(code, position_of(join),
                     "ASOF JOIN … ON takes equalities and one comparison by order: a.k = b.k AND "
                     "a.t >= b.t");
  }
  query.key_count = sides.left.keys.size();
  query.left = LEAT_TRY_SQL(join_input(sides, sides.left, true));
  query.right = LEAT_TRY_SQL(join_input(sides, sides.right, sides.shows_right()));
  LEAT_TRY_SQL(merge_using(sides, using_columns));
  return add_join(std::move(sides), std::move(query));
}

/// Makes what is compared by order the last key of both sides; nothing where that can't be.
Analysed<std::optional<JoinQuery::AsOf>> Planner::take_order(JoinSides& sides,
                                                             const Node& written) {
  const FromScope& left = sides.left.from.scope;
  const FromScope& right = sides.right.from.scope;
  const bool left_first = left.decides(written.at("left")) && right.decides(written.at("right"));
  const char* of_left = left_first ? "left" : "right";
  const char* of_right = left_first ? "right" : "left";
  auto asof = asof_of(text_in(written, "type"));
  if (!asof || !left.decides(written.at(of_left)) || !right.decides(written.at(of_right))) {
    return std::optional<JoinQuery::AsOf>();
  }
  // b.t <= a.t is a.t >= b.t.
  if (!left_first) asof->following = !asof->following;
  sides.left.keys.push_back(left.resolved(written.at(of_left)));
  sides.right.keys.push_back(right.resolved(written.at(of_right)));
  LEAT_TRY_SQL(make_comparable(sides, sides.left.keys.size() - 1));
  const auto is_time_of_stream = [&](const JoinSide& side) {
    const EventTimeColumn* time = event_time_of(side.from.relation, side.keys.back());
    return time != nullptr && !time->bounds_window && time->behind_us == 0 &&
           !is_weighted(side.from.relation);
  };
  const bool ends = !asof->following || options_.joins_within_us;
  asof->closes = ends && is_time_of_stream(sides.left) && is_time_of_stream(sides.right);
  const Type type = LEAT_TRY_SQL(type_of(sides.left.keys.back(), sides.left.from.relation));
  if (!can_be_ranked(type)) {
    return sql_fault(code, position_of(written), "ASOF JOIN can't compare values of type {}",
                     type.to_sql());
  }
  return asof;
}

}  // namespace leat::sql
