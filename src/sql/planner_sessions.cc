// Sessions: the operator finds them out and runs the query over whole ones, each a key of its own.

#include <algorithm>

#include "sql/engine.h"
#include "sql/interval.h"
#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

bool is_bound_of_window(const Node& expression) {
  if (!is_class(expression, "COLUMN_REF")) return false;
  const std::string name = lower(parts_of(expression).back());
  return name == "window_start" || name == "window_end";
}

}  // namespace

/// Groups must not reach over several sessions.
Analysed<void> Planner::check_session_groups(const Block& block, const WindowCall& call) const {
  if (!is_grouped(block.query)) return {};
  const std::vector<Node> keys = LEAT_TRY_SQL(group_keys(block));
  const std::size_t at = position_of(*block.from.window_call);
  if (std::ranges::none_of(keys, is_bound_of_window)) {
    return sql_fault(code, at,
                     "a query over session(…) groups by its window: add GROUP BY window_start");
  }
  for (const Node& key : call.keys) {
    const auto same = [&](const Node& group) {
      return canonical_text(group) == canonical_text(key);
    };
    if (std::ranges::any_of(keys, same)) continue;
    return sql_fault(code, position_of(key),
                     "a query over session(…) groups by the key of the sessions: add \"{}\" to "
                     "GROUP BY",
                     parts_of(key).back());
  }
  return {};
}

Analysed<std::string> Planner::sessions(Block block, const Modifiers& modifiers) {
  const WindowCall call = LEAT_TRY_SQL(analyse_window_call(*block.from.window_call, catalog_));
  const std::size_t at = position_of(*block.from.window_call);
  if (modifiers.distinct || !modifiers.distinct_on.empty() || modifiers.limit) {
    return sql_fault(
        code, at, "DISTINCT and LIMIT over session(…): put the sessions into a subquery in FROM");
  }
  if (block.query.at("group_sets").size() > 1) {
    return sql_fault(code, at, "session(…) can't have ROLLUP, CUBE or GROUPING SETS");
  }
  LEAT_TRY_SQL(check_session_groups(block, call));
  KeyedQuery out;
  std::vector<Node> items;
  for (const Node& key : call.keys) {
    const auto index = relation(call.input).schema.find(parts_of(key).back());
    if (!index) {
      return sql_fault("unknown-column", position_of(key), "\"{}\" has no column \"{}\"",
                       call.input, parts_of(key).back());
    }
    items.push_back(column_ref(relation(call.input).schema[*index].name));
    items.back()["alias"] = fmt::format("k{}", items.size() - 1);
  }
  out.key_count = items.size();
  std::set<std::string> read;
  walk(block.query, [&](const Node& node) {
    if (is_class(node, "COLUMN_REF")) read.insert(lower(parts_of(node)[0]));
    return true;
  });
  // What WHERE says of the windows can only be judged when they are known.
  std::vector<Node> before, of_windows;
  for (const Node& condition : block.where) {
    bool knows_window = false;
    walk(condition, [&](const Node& node) {
      knows_window |= is_bound_of_window(node);
      if (is_class(node, "COLUMN_REF")) read.insert(lower(parts_of(node)[0]));
      return true;
    });
    (knows_window ? of_windows : before).push_back(condition);
  }
  std::vector<Column> columns;
  const Schema& schema = relation(call.input).schema;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const bool time = i == call.window.time_column;
    if (!time && !read.contains(lower(schema[i].name))) continue;
    if (time) out.session = KeyedQuery::Session{items.size(), call.window.size_us};
    items.push_back(column_ref(schema[i].name));
    items.back()["alias"] = schema[i].name;
    columns.push_back(schema[i]);
  }
  out.inputs.push_back(LEAT_TRY_SQL(row_input(call.input, items, before)));
  const Node source =
      LEAT_TRY_SQL(binding_.from_of(fmt::format("SELECT 1 FROM {}('0')", lookup_function)));
  block.query["where_clause"] = conjunction_of(of_windows);
  const bool closes = relation(call.input).event_times.contains(call.window.time_column);
  std::string made =
      LEAT_TRY_SQL(add_keyed(std::move(out), block.query, source, std::move(columns), call.input));
  parts_.back().closes = closes;
  LEAT_TRY_SQL(note_session_columns(block, closes, catalog_.at(made)));
  return made;
}

/// What is known of the columns of a query over sessions.
Analysed<void> Planner::note_session_columns(const Block& block, bool closes,
                                             Relation& made) const {
  const Node& items = block.query.at("select_list");
  if (is_grouped(block.query)) made.unique = places_of(LEAT_TRY_SQL(group_keys(block)), items);
  for (std::size_t i = 0; closes && i < items.size(); ++i) {
    if (!is_bound_of_window(items[i])) continue;
    if (lower(parts_of(items[i]).back()) == "window_end") made.event_times[i] = {0, true};
  }
  return {};
}

}  // namespace leat::sql
