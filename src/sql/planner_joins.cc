// Joins: which columns must be equal, and what else must hold.

#include <algorithm>

#include "sql/engine.h"
#include "sql/planner_sides.h"
#include "sql/refusal.h"
#include "sql/row_query.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

std::optional<JoinQuery::Kind> kind_of(const std::string& type) {
  using Kind = JoinQuery::Kind;
  if (type == "INNER") return Kind::inner;
  if (type == "LEFT") return Kind::left;
  if (type == "RIGHT") return Kind::right;
  if (type == "FULL" || type == "OUTER") return Kind::full;
  if (type == "SEMI") return Kind::semi;
  if (type == "ANTI") return Kind::anti;
  return std::nullopt;
}

}  // namespace

Analysed<Planner::From> Planner::plan_join(const Node& join_node, const Environment& env,
                                           std::vector<Node>& where) {
  const std::string ref = text_in(join_node, "ref_type");
  const auto kind = kind_of(text_in(join_node, "join_type"));
  if (!kind || (ref != "REGULAR" && ref != "CROSS" && ref != "NATURAL" && ref != "ASOF")) {
    return sql_fault(code, position_of(join_node), "this kind of join can't be kept up to date");
  }
  // WHERE may only be moved into a join below where no row is kept for want of a match.
  std::vector<Node> none;
  const bool keeps_left = *kind == JoinQuery::Kind::inner && ref != "ASOF";
  From left = LEAT_TRY_SQL(plan_from(join_node.at("left"), env, keeps_left ? where : none));
  From right = LEAT_TRY_SQL(plan_from(join_node.at("right"), env, none));
  LEAT_TRY_SQL(make_windows(left));
  LEAT_TRY_SQL(make_windows(right));
  std::vector<std::string> using_columns;
  for (const Node& name : join_node.at("using_columns")) {
    using_columns.push_back(name.get<std::string>());
  }
  if (ref == "ASOF") {
    return asof_join(std::move(left), std::move(right), *kind, join_node, using_columns);
  }
  if (ref == "NATURAL") {
    for (const auto& column : left.scope.columns()) {
      const auto same = [&](const auto& other) { return lower(other.name) == lower(column.name); };
      if (std::ranges::any_of(right.scope.columns(), same)) using_columns.push_back(column.name);
    }
  }
  std::vector<Node> conditions = conjuncts_of(join_node.at("condition"));
  if (keeps_left) {
    std::erase_if(where, [&](const Node& condition) {
      FromScope both = left.scope;
      for (const auto& column : right.scope.columns()) both.add(column);
      if (!both.covers(condition) || find_aggregate(condition, binding_.functions()) != nullptr) {
        return false;
      }
      conditions.push_back(condition);
      return true;
    });
  }
  return join(std::move(left), std::move(right), *kind, std::move(conditions), using_columns);
}

Analysed<Planner::From> Planner::join(From left, From right, JoinQuery::Kind kind,
                                      std::vector<Node> conditions,
                                      const std::vector<std::string>& using_columns) {
  LEAT_TRY_SQL(refuse_now(conditions, left, right));
  JoinSides sides{{std::move(left)}, {std::move(right)}, kind, without_between(conditions)};
  for (const std::string& name : using_columns) {
    const auto l = sides.left.from.scope.resolve(column_ref(name));
    const auto r = sides.right.from.scope.resolve(column_ref(name));
    if (!l || !r) return sql_fault("unknown-column", 0, "USING ({}): both sides need it", name);
    sides.left.keys.push_back(*l);
    sides.right.keys.push_back(*r);
  }
  LEAT_TRY_SQL(take_keys(sides));
  const bool of_view = LEAT_TRY_SQL(add_bound_of_view(sides));
  for (const Node& condition : sides.conditions) {
    walk(condition, [&](const Node& node) {
      for (JoinSide* side : {&sides.left, &sides.right}) {
        if (!is_class(node, "COLUMN_REF")) break;
        if (const auto own = side->from.scope.resolve(node)) side->read.insert(parts_of(*own)[0]);
      }
      return true;
    });
  }
  JoinQuery query;
  query.kind = kind;
  query.key_count = sides.left.keys.size();
  put_window_first(sides, query);
  query.left = LEAT_TRY_SQL(join_input(sides, sides.left, true));
  query.right = LEAT_TRY_SQL(join_input(sides, sides.right, sides.shows_right()));
  query.bound = find_bound(sides, query);
  if (query.bound) {
    query.bound->of_view = of_view;
    query.window_key.reset();
  }
  query.condition = LEAT_TRY_SQL(join_condition(sides, query));
  LEAT_TRY_SQL(merge_using(sides, using_columns));
  return add_join(std::move(sides), std::move(query));
}

/// The keys, then what is wanted of the side's columns.
Analysed<ViewInput> Planner::join_input(JoinSides& sides, JoinSide& side, bool shown) {
  std::vector<Node> items;
  for (std::size_t i = 0; i < side.keys.size(); ++i) {
    items.push_back(side.keys[i]);
    items.back()["alias"] = fmt::format("k{}", i);
  }
  for (const auto& column : side.from.scope.columns()) {
    const bool wanted = shown && (is_needed(column.name) || column.table.empty());
    if (!wanted && !side.read.contains(column.column)) continue;
    std::string& name = side.names[column.column];
    if (name.empty()) {
      name = column.name;
      if (sides.taken.contains(lower(name))) name = column.table + "." + column.name;
      while (sides.taken.contains(lower(name))) name += "'";
      sides.taken.insert(lower(name));
      items.push_back(column_ref(column.column));
      items.back()["alias"] = name;
    }
    if (shown) sides.scope.add({column.table, column.name, name});
  }
  return row_input(side.from.relation, items, side.where);
}

/// Columns that USING makes one of two, here and in joins below.
Analysed<void> Planner::merge_using(JoinSides& sides,
                                    const std::vector<std::string>& using_columns) {
  for (const JoinSide* side : {&sides.left, &sides.right}) {
    for (const auto& [name, meaning] : side->from.scope.merged()) {
      Node renamed = meaning;
      replace_expressions(renamed, [&](const Node& node) -> std::optional<Node> {
        if (!is_class(node, "COLUMN_REF")) return std::nullopt;
        const auto found = side->names.find(parts_of(node)[0]);
        return found == side->names.end() ? std::nullopt : std::optional(column_ref(found->second));
      });
      sides.scope.merge(name, std::move(renamed));
    }
    if (!sides.shows_right()) break;
  }
  for (const std::string& name : using_columns) {
    const auto column_of = [&](const JoinSide& side) -> std::optional<Node> {
      const auto own = parts_of(*side.from.scope.resolve(column_ref(name)))[0];
      const auto found = side.names.find(own);
      return found == side.names.end() ? std::nullopt : std::optional(column_ref(found->second));
    };
    const auto left = column_of(sides.left);
    const auto right = sides.shows_right() ? column_of(sides.right) : left;
    if (!left || !right) continue;
    Node meaning = sides.kind == JoinQuery::Kind::right ? *right : *left;
    if (sides.kind == JoinQuery::Kind::full) {
      meaning = LEAT_TRY_SQL(binding_.expression_of("SELECT coalesce(a, b)"));
      meaning["children"] = Node::array({*left, *right});
    }
    sides.scope.merge(name, std::move(meaning));
  }
  return {};
}

Planner::From Planner::add_join(JoinSides sides, JoinQuery query) {
  const std::size_t keys = query.key_count;
  const auto behind_keys = [&](const ViewInput& input) {
    return std::vector<Column>(input.schema.begin() + static_cast<std::ptrdiff_t>(keys),
                               input.schema.end());
  };
  std::vector<Column> columns = behind_keys(query.left);
  const std::size_t left_count = columns.size();
  if (sides.shows_right()) {
    for (Column& column : behind_keys(query.right)) columns.push_back(std::move(column));
  }
  query.output = Schema(std::move(columns));
  const std::string left = sides.left.from.relation;
  const std::string right = sides.right.from.relation;
  const bool weighted = query.left.weighted || query.right.weighted;
  const bool gains = query.asof
                         ? query.asof->closes
                         : !weighted && (query.kind == JoinQuery::Kind::inner || query.bound);
  Relation made{gains ? Relation::Kind::stream : Relation::Kind::view, query.output};
  made.behind_us = std::max(relation(left).behind_us, relation(right).behind_us);
  if (query.bound) {
    // Rows wait for a match for as long as one may come, by whole buckets of time.
    made.behind_us +=
        4 * std::max(std::abs(query.bound->lower_us), std::abs(query.bound->upper_us));
    made.event_times[query.bound->left_column - keys];
    if (sides.shows_right()) {
      made.event_times[left_count + query.bound->right_column - keys];
    }
  }
  if (query.window_key) made.event_times = windows_shown(sides, query.output);
  if (query.asof && query.asof->closes) {
    made.event_times = left_time_shown(sides, query.output);
    // Left rows wait for the following row, at most for as long as it may match and a look more.
    if (query.asof->following) made.behind_us += 2 * *options_.joins_within_us;
  }
  made.unique = unique_of(sides, query);
  const bool closes = query.window_key.has_value();
  Schema output = query.output;
  From out;
  out.relation = add(std::move(query), std::move(output), {left, right}, std::move(made));
  parts_.back().closes = closes;
  out.scope = std::move(sides.scope);
  return out;
}

/// Where both sides' rows are of windows and those of one window match: that key comes first.
void Planner::put_window_first(JoinSides& sides, JoinQuery& query) const {
  for (std::size_t i = 0; i < sides.left.keys.size(); ++i) {
    const auto* left = event_time_of(sides.left.from.relation, sides.left.keys[i]);
    const auto* right = event_time_of(sides.right.from.relation, sides.right.keys[i]);
    if (left == nullptr || right == nullptr) continue;
    if (!left->bounds_window || !right->bounds_window) continue;
    query.window_key = WindowKey{0, std::max(left->behind_us, right->behind_us)};
    std::swap(sides.left.keys[0], sides.left.keys[i]);
    std::swap(sides.right.keys[0], sides.right.keys[i]);
    return;
  }
}

/// Keys that say the window on both sides, among the columns that the join gives.
std::map<std::size_t, EventTimeColumn> Planner::windows_shown(const JoinSides& sides,
                                                              const Schema& output) const {
  std::map<std::size_t, EventTimeColumn> shown;
  for (std::size_t i = 0; i < sides.left.keys.size(); ++i) {
    const auto* left = event_time_of(sides.left.from.relation, sides.left.keys[i]);
    const auto* right = event_time_of(sides.right.from.relation, sides.right.keys[i]);
    if (left == nullptr || right == nullptr) continue;
    if (!left->bounds_window || !right->bounds_window) continue;
    const EventTimeColumn time{std::max(left->behind_us, right->behind_us), true};
    for (const auto& [side, key] : {std::pair{&sides.left, &sides.left.keys[i]},
                                    std::pair{&sides.right, &sides.right.keys[i]}}) {
      const auto name = side->names.find(parts_of(*key)[0]);
      if (name == side->names.end()) continue;
      if (const auto column = output.find(name->second)) shown.emplace(*column, time);
    }
  }
  return shown;
}

/// The event time that the left rows of an ASOF join leave by, where it is among the columns that
/// the join gives.
std::map<std::size_t, EventTimeColumn> Planner::left_time_shown(const JoinSides& sides,
                                                                const Schema& output) {
  const auto name = sides.left.names.find(parts_of(sides.left.keys.back())[0]);
  if (name == sides.left.names.end()) return {};
  return {{*output.find(name->second), EventTimeColumn()}};
}

/// Columns that identify a join's rows: those of one side, where each of its rows finds one of the
/// other's at most, or those of both.
std::optional<std::vector<std::size_t>> Planner::unique_of(const JoinSides& sides,
                                                           const JoinQuery& query) const {
  using Kind = JoinQuery::Kind;
  const auto shown = [&](const JoinSide& side) -> std::optional<std::vector<std::size_t>> {
    const Relation& known = relation(side.from.relation);
    if (!known.unique) return std::nullopt;
    std::vector<std::size_t> places;
    for (const std::size_t column : *known.unique) {
      const auto name = side.names.find(known.schema[column].name);
      const auto place = name == side.names.end() ? std::nullopt : query.output.find(name->second);
      if (!place) return std::nullopt;
      places.push_back(*place);
    }
    return places;
  };
  const auto matches_once = [&](const JoinSide& side) {
    const Relation& known = relation(side.from.relation);
    return known.unique && std::ranges::all_of(*known.unique, [&](std::size_t column) {
             const std::string wanted = canonical_text(column_ref(known.schema[column].name));
             return std::ranges::any_of(
                 side.keys, [&](const Node& key) { return canonical_text(key) == wanted; });
           });
  };
  const auto left = shown(sides.left);
  // As of a left row there is one right row at most.
  if (!sides.shows_right() || query.asof) return left;
  const bool once_right = matches_once(sides.right);
  const bool once_left = matches_once(sides.left);
  const bool inner = sides.kind == Kind::inner;
  if (left && once_right && (inner || sides.kind == Kind::left)) return left;
  auto right = shown(sides.right);
  if (right && once_left && (inner || sides.kind == Kind::right)) return right;
  if (!inner || !left || !right) return std::nullopt;
  right->insert(right->begin(), left->begin(), left->end());
  return right;
}

/// Splits the conditions: equalities of one side with the other are keys, what one side decides
/// alone goes to its rows, the rest is the join's condition.
Analysed<void> Planner::take_keys(JoinSides& sides) {
  using Kind = JoinQuery::Kind;
  const FromScope& left = sides.left.from.scope;
  const FromScope& right = sides.right.from.scope;
  const bool left_alone =
      sides.kind == Kind::inner || sides.kind == Kind::semi || sides.kind == Kind::right;
  const bool right_alone = sides.kind != Kind::right && sides.kind != Kind::full;
  std::vector<Node> rest;
  for (Node& condition : sides.conditions) {
    if (text_in(condition, "type") == "COMPARE_EQUAL") {
      const Node* a = &condition.at("left");
      const Node* b = &condition.at("right");
      if (!(left.decides(*a) && right.decides(*b))) std::swap(a, b);
      if (left.decides(*a) && right.decides(*b)) {
        sides.left.keys.push_back(left.resolved(*a));
        sides.right.keys.push_back(right.resolved(*b));
        continue;
      }
    }
    if (left_alone && left.decides(condition)) {
      sides.left.where.push_back(left.resolved(condition));
    } else if (right_alone && right.decides(condition)) {
      sides.right.where.push_back(right.resolved(condition));
    } else {
      rest.push_back(std::move(condition));
    }
  }
  sides.conditions = std::move(rest);
  for (std::size_t i = 0; i < sides.left.keys.size(); ++i) {
    LEAT_TRY_SQL(make_comparable(sides, i));
  }
  return {};
}

/// Makes both sides' key with this number of one type.
Analysed<void> Planner::make_comparable(JoinSides& sides, std::size_t key) {
  Node& left = sides.left.keys[key];
  Node& right = sides.right.keys[key];
  const Type left_type = LEAT_TRY_SQL(type_of(left, sides.left.from.relation));
  const Type right_type = LEAT_TRY_SQL(type_of(right, sides.right.from.relation));
  if (left_type == right_type) return {};
  const Type common = LEAT_TRY_SQL(common_type(left_type, right_type));
  left = LEAT_TRY_SQL(cast_to(left, left_type, common));
  right = LEAT_TRY_SQL(cast_to(right, right_type, common));
  return {};
}

Analysed<Type> Planner::type_of(const Node& expression, const std::string& input) {
  Node query = LEAT_TRY_SQL(binding_.parse(fmt::format("SELECT 1 FROM {}()", input_function)));
  query["select_list"] = Node::array({expression});
  const std::string sql = LEAT_TRY_SQL(binding_.to_sql(query));
  return LEAT_TRY_SQL(binding_.bind_rewritten(sql, {relation(input).schema, true, false}))[0].type;
}

/// What DuckDB compares values of two types as.
Analysed<Type> Planner::common_type(const Type& left, const Type& right) {
  if (left.id() == DUCKDB_TYPE_VARCHAR) return right;
  if (right.id() == DUCKDB_TYPE_VARCHAR) return left;
  const std::string sql = fmt::format("SELECT coalesce(CAST(NULL AS {}), CAST(NULL AS {}))",
                                      left.to_sql(), right.to_sql());
  return LEAT_TRY_SQL(binding_.bind_rewritten(sql, {}))[0].type;
}

Analysed<Node> Planner::cast_to(const Node& expression, const Type& from, const Type& to) {
  if (from == to) return expression;
  Node node = LEAT_TRY_SQL(binding_.expression_of("SELECT CAST(x AS " + to.to_sql() + ")"));
  node.at("child") = expression;
  node.at("child")["alias"] = "";
  return node;
}

/// The rest of ON over pairs of rows.
Analysed<std::string> Planner::join_condition(const JoinSides& sides, const JoinQuery& query) {
  if (sides.conditions.empty()) return std::string();
  std::vector<Column> columns;
  const auto add_columns = [&](const ViewInput& input, char side) {
    for (std::size_t i = query.key_count; i < input.schema.size(); ++i) {
      columns.push_back({fmt::format("{}{}", side, i - query.key_count), input.schema[i].type});
    }
  };
  add_columns(query.left, 'l');
  add_columns(query.right, 'r');
  const auto in_pair = [&](const JoinSide& side, const ViewInput& input, char letter,
                           const Node& written) -> std::optional<Node> {
    auto own = side.from.scope.resolve(written);
    if (!own) return std::nullopt;
    replace_expressions(*own, [&](const Node& node) -> std::optional<Node> {
      if (!is_class(node, "COLUMN_REF")) return std::nullopt;
      auto parts = parts_of(node);
      const auto index = input.schema.find(side.names.at(parts[0]));
      parts[0] = fmt::format("{}{}", letter, *index - query.key_count);
      Node moved = node;
      moved["column_names"] = parts;
      return moved;
    });
    return own;
  };
  std::vector<Node> conditions;
  for (const Node& condition : sides.conditions) {
    Node over_pairs = condition;
    replace_expressions(over_pairs, [&](const Node& node) -> std::optional<Node> {
      if (!is_class(node, "COLUMN_REF")) return std::nullopt;
      if (auto left = in_pair(sides.left, query.left, 'l', node)) return left;
      return in_pair(sides.right, query.right, 'r', node);
    });
    conditions.push_back(std::move(over_pairs));
  }
  Node text = LEAT_TRY_SQL(binding_.parse(fmt::format("SELECT 1 FROM {}()", input_function)));
  Node boolean = LEAT_TRY_SQL(binding_.expression_of("SELECT CAST(x AS BOOLEAN)"));
  boolean.at("child") = conjunction_of(conditions);
  text["select_list"] = Node::array({std::move(boolean), column_ref(row_column)});
  std::string sql = LEAT_TRY_SQL(binding_.to_sql(text));
  LEAT_TRY_SQL(binding_.bind_rewritten(sql, {Schema(std::move(columns)), true, false}));
  return sql;
}

}  // namespace leat::sql
