// GROUP BY, its sets, and DISTINCT.

#include <algorithm>
#include <array>

#include "sql/aggregate_query.h"
#include "sql/aggregate_scope.h"
#include "sql/planner.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-incremental";

/// Aggregates that say something only of rows in some order, without one.
bool asks_for_arrival(const Node& query) {
  constexpr std::array functions = {"first", "arbitrary", "any_value", "last"};
  bool found = false;
  walk(query, [&](const Node& node) {
    if (!is_class(node, "FUNCTION")) return true;
    const auto order = node.find("order_bys");
    const bool ordered = order != node.end() && order->is_object() && !order->at("orders").empty();
    found |= !ordered && std::ranges::find(functions, function_name(node)) != functions.end();
    return true;
  });
  return found;
}

/// The items of SELECT that say a group's window.
std::map<std::size_t, EventTimeColumn> bounds_shown(const Window& window, const Node& items) {
  std::map<std::size_t, EventTimeColumn> shown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_class(items[i], "COLUMN_REF")) continue;
    const std::string name = lower(parts_of(items[i]).back());
    if (name == "window_end") shown[i] = {0, true};
    if (name == "window_start") shown[i] = {window.size_us, true};
  }
  return shown;
}

/// Windows of cumulate() that begin together are told apart by their end.
bool mixes_windows(const Analysed<WindowCall>& call, const std::vector<Node>& keys) {
  if (!call || call->window.kind != Window::Kind::cumulate) return false;
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(keys, [&](const Node& key) {
      return is_class(key, "COLUMN_REF") && lower(parts_of(key).back()) == name;
    });
  };
  return has("window_start") && !has("window_end");
}

}  // namespace

/// By an operator that keeps sums where there is one for every function; else the groups are
/// computed anew from their rows.
Analysed<std::string> Planner::aggregate(Block& block) {
  LEAT_TRY_SQL(make_part(block.from));
  Node query = block.query;
  query["from_table"] =
      block.from.window_call ? *block.from.window_call : base_table(block.from.relation);
  query["where_clause"] = conjunction_of(block.where);
  auto analysed = analyse_aggregate_query(binding_, query, "", catalog_);
  if (!analysed) {
    if (analysed.error().code != code && analysed.error().code != "unsupported-sql") {
      return std::unexpected(std::move(analysed).error());
    }
    if (block.from.window_call &&
        mixes_windows(analyse_window_call(*block.from.window_call, catalog_),
                      LEAT_TRY_SQL(group_keys(block)))) {
      return std::unexpected(std::move(analysed).error());
    }
    Block again = block;
    LEAT_TRY_SQL(make_windows(again.from));
    if (is_weighted(again.from.relation) && asks_for_arrival(block.query)) {
      return std::unexpected(std::move(analysed).error());
    }
    LEAT_TRY_SQL(refuse_unordered_lists(again));
    auto groups = keyed_groups(again);
    if (groups) return groups;
    return std::unexpected(std::move(analysed).error());
  }
  const Relation& input = relation(analysed->input);
  Relation made{Relation::Kind::view, analysed->output};
  made.behind_us = input.behind_us;
  const std::vector<Node> keys = LEAT_TRY_SQL(group_keys(block));
  const Node& items = query.at("select_list");
  made.unique = places_of(keys, items);
  bool closes = analysed->window_key.has_value();
  if (analysed->window) {
    const auto time = input.event_times.find(analysed->window->time_column);
    closes = time != input.event_times.end();
    if (closes) {
      made.behind_us += time->second.behind_us;
      made.event_times = bounds_shown(*analysed->window, items);
    }
  } else {
    made.event_times = windows_shown(block.from.relation, keys, items);
  }
  const std::int64_t behind_us = made.behind_us;
  Schema output = analysed->output;
  std::vector<std::string> inputs{analysed->input};
  std::string name =
      add(std::move(*analysed), std::move(output), std::move(inputs), std::move(made));
  parts_.back().closes = closes;
  parts_.back().behind_us = behind_us;
  return name;
}

/// SELECT DISTINCT over rows with windows, which groups by them.
std::optional<Planner::Block> Planner::distinct_windows(const Block& block) {
  Block grouped = block;
  Node& groups = grouped.query["group_expressions"];
  groups = Node::array();
  Node set = Node::array();
  bool by_window = false;
  for (const Node& item : block.query.at("select_list")) {
    if (is_class(item, "CONSTANT")) return std::nullopt;
    by_window |= is_class(item, "COLUMN_REF") && lower(parts_of(item).back()) == "window_end";
    groups.push_back(item);
    groups.back()["alias"] = "";
    set.push_back(set.size());
  }
  if (!by_window) return std::nullopt;
  grouped.query["group_sets"] = Node::array({std::move(set)});
  return grouped;
}

/// Grouping first, so that what stands over groups (window functions, DISTINCT ON, ORDER BY) finds
/// keys and aggregates as columns.
Analysed<Planner::Block> Planner::grouped_first(Block block, Modifiers& modifiers) {
  const Schema columns = LEAT_TRY_SQL(columns_of(block.from));
  const AggregateScope scope = LEAT_TRY_SQL(AggregateScope::of(block.query, columns, ""));
  Node inner = block.query;
  inner["qualify"] = nullptr;
  Node items = Node::array();
  std::map<std::string, std::string> names;
  const auto column_of = [&](const Node& expression) {
    const auto [found, fresh] =
        names.try_emplace(canonical_text(expression), fmt::format("g{}", names.size()));
    if (fresh) {
      items.push_back(expression);
      items.back()["alias"] = found->second;
    }
    return found->second;
  };
  const std::vector<Node> keys = LEAT_TRY_SQL(group_keys(block));
  for (const Node& key : keys) column_of(key);
  const auto over_groups = [&](const Node& expression) {
    Node out = scope.resolved(expression);
    replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
      const auto known = names.find(canonical_text(node));
      if (known != names.end()) return column_ref(known->second);
      const bool call = is_class(node, "FUNCTION") &&
                        (binding_.functions().is_aggregate(function_name(node)) ||
                         binding_.functions().is_aggregate_macro(function_name(node)));
      return call ? std::optional(column_ref(column_of(node))) : std::nullopt;
    });
    return out;
  };
  Block outer;
  outer.query = block.query;
  for (std::size_t i = 0; i < scope.items().size(); ++i) {
    const std::string alias = text_in(block.query.at("select_list")[i], "alias");
    outer.query["select_list"][i] = over_groups(scope.items()[i]);
    outer.query["select_list"][i]["alias"] = alias;
  }
  if (!block.query.at("qualify").is_null()) {
    outer.query["qualify"] = over_groups(block.query.at("qualify"));
  }
  if (!modifiers.order.is_null()) modifiers.order = over_groups(modifiers.order);
  for (Node& target : modifiers.distinct_on) target = over_groups(target);
  inner["select_list"] = std::move(items);
  inner["group_expressions"] = keys;
  inner["group_sets"] = Node::array({Node::array()});
  for (std::size_t i = 0; i < keys.size(); ++i) inner["group_sets"][0].push_back(i);
  inner["aggregate_handling"] = "STANDARD_HANDLING";
  if (!block.query.at("having").is_null()) {
    inner["having"] = scope.resolved(block.query.at("having"));
  }
  outer.query["having"] = nullptr;
  outer.query["group_expressions"] = Node::array();
  outer.query["group_sets"] = Node::array();
  outer.query["aggregate_handling"] = "STANDARD_HANDLING";
  Block grouped{std::move(inner), block.from, block.where};
  outer.from.relation = LEAT_TRY_SQL(aggregate(grouped));
  outer.from.scope = FromScope("", relation(outer.from.relation).schema.names());
  return outer;
}

/// ROLLUP, CUBE and GROUPING SETS: a grouping for each set, put together.
Analysed<std::string> Planner::grouping_sets(const Block& block) {
  const std::vector<Node> keys(block.query.at("group_expressions").begin(),
                               block.query.at("group_expressions").end());
  std::vector<std::string> relations;
  for (const Node& set : block.query.at("group_sets")) {
    std::set<std::size_t> chosen;
    for (const Node& index : set) chosen.insert(index.get<std::size_t>());
    std::map<std::string, Node> missing;
    Node kept = Node::array();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (chosen.contains(i)) {
        kept.push_back(keys[i]);
        continue;
      }
      const Type type = LEAT_TRY_SQL(type_of(keys[i], block.from.relation));
      Node null =
          LEAT_TRY_SQL(binding_.expression_of("SELECT CAST(NULL AS " + type.to_sql() + ")"));
      missing.emplace(canonical_text(keys[i]), std::move(null));
    }
    Block one = block;
    const auto without = [&](const Node& expression) {
      Node out = expression;
      replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
        const std::string name = is_class(node, "FUNCTION") ? function_name(node) : "";
        if (text_in(node, "type") == "GROUPING_FUNCTION") {
          std::int64_t bits = 0;
          for (const Node& child : node.at("children")) {
            bits = bits * 2 + (missing.contains(canonical_text(child)) ? 1 : 0);
          }
          return binding_.expression_of(fmt::format("SELECT CAST({} AS BIGINT)", bits)).value();
        }
        if (!name.empty() && binding_.functions().is_aggregate(name)) return node;
        const auto found = missing.find(canonical_text(node));
        return found == missing.end() ? std::nullopt : std::optional(found->second);
      });
      return out;
    };
    for (Node& item : one.query["select_list"]) item = without(item);
    if (!one.query.at("having").is_null()) one.query["having"] = without(one.query.at("having"));
    one.query["group_sets"] = Node::array({Node::array()});
    for (std::size_t i = 0; i < kept.size(); ++i) one.query["group_sets"][0].push_back(i);
    one.query["group_expressions"] = std::move(kept);
    relations.push_back(LEAT_TRY_SQL(aggregate(one)));
  }
  return union_all(relations, relation(relations.front()).schema);
}

Analysed<std::string> Planner::distinct(const std::string& input) {
  Block block;
  block.query = LEAT_TRY_SQL(binding_.parse("SELECT 1"));
  Node items = Node::array();
  Node set = Node::array();
  for (const Column& column : relation(input).schema) {
    items.push_back(column_ref(column.name));
    set.push_back(set.size());
  }
  block.query["group_expressions"] = items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i]["alias"] = relation(input).schema[i].name;
  }
  block.query["select_list"] = std::move(items);
  block.query["group_sets"] = Node::array({std::move(set)});
  block.from = {input, FromScope("", relation(input).schema.names())};
  return aggregate(block);
}

}  // namespace leat::sql
