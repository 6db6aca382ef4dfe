// now() and the like in a SELECT over a stream: when each row's record came.

#include <algorithm>

#include "sql/now.h"
#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-deterministic";

/// The stream whose rows a SELECT works on, each of which came at a time; empty: they are rows of a
/// view, or made of several.
std::string stream_of(const std::string& relation, const Catalog& catalog) {
  const auto found = catalog.find(relation);
  const bool part = relation.find('#') != std::string::npos;
  return !part && found != catalog.end() && found->second.kind == Relation::Kind::stream ? relation
                                                                                         : "";
}

const Node* find_now(const Node& expression, const Schema& columns) {
  const Node* found = nullptr;
  walk(expression, [&](const Node& node) {
    if (found == nullptr && says_now(node, columns)) found = &node;
    return found == nullptr;
  });
  return found;
}

/// Whether an expression says when a record came outside of aggregates and of what is grouped by.
bool is_loose(const Node& node, const std::set<std::string>& keys,
              const FunctionCatalog& functions) {
  if (!node.is_structured()) return false;
  if (is_expression(node)) {
    if (keys.contains(canonical_text(node))) return false;
    if (is_class(node, "FUNCTION") && functions.is_aggregate(function_name(node))) return false;
    if (is_class(node, "COLUMN_REF") && parts_of(node).back() == came_column) return true;
  }
  return std::ranges::any_of(node,
                             [&](const Node& child) { return is_loose(child, keys, functions); });
}

}  // namespace

/// A group has many records: when one came can be told of what it is grouped by, and in aggregates.
Analysed<void> Planner::refuse_loose_now(const Node& written, const Node& query,
                                         const Schema& columns) const {
  std::set<std::string> keys;
  std::set<std::size_t> key_items;
  for (const Node& group : query.at("group_expressions")) {
    keys.insert(canonical_text(group));
    if (const auto ordinal = ordinal_of(group)) key_items.insert(*ordinal);
  }
  const bool by_all = text_in(query, "aggregate_handling") == "FORCE_AGGREGATES";
  const Node& items = query.at("select_list");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string alias = text_in(items[i], "alias");
    const bool named = keys.contains(canonical_text(column_ref(alias)));
    const bool taken = by_all && find_aggregate(items[i], binding_.functions()) == nullptr;
    if (key_items.contains(i) || named || taken) continue;
    if (!is_loose(items[i], keys, binding_.functions())) continue;
    const Node* now = find_now(written.at("select_list")[i], columns);
    return sql_fault(code, now == nullptr ? 0 : position_of(*now),
                     "a group is of records that came at many times: group by this, or say which "
                     "it is, max(now()) or min(now())");
  }
  return {};
}

/// Puts when a row's record came in the place of now() in what is computed row by row: the items,
/// WHERE, GROUP BY, and QUALIFY over rows. What stands elsewhere is left, and refused by who looks
/// at it next.
Analysed<void> Planner::replace_now_in(Node& query, std::vector<Node>& where, const From& from) {
  std::string input = from.relation;
  if (from.window_call) {
    const WindowCall call = LEAT_TRY_SQL(analyse_window_call(*from.window_call, catalog_));
    if (call.window.kind == Window::Kind::session) return {};
    input = call.input;
  }
  input = stream_of(input, catalog_);
  if (input.empty()) return {};
  const Schema columns = LEAT_TRY_SQL(columns_of(from));
  const Node written = query;
  bool replaced = false;
  for (const char* clause : {"select_list", "group_expressions"}) {
    replaced |= LEAT_TRY_SQL(replace_now(binding_, query.at(clause), columns));
  }
  if (!is_grouped(query)) {
    replaced |= LEAT_TRY_SQL(replace_now(binding_, query.at("qualify"), columns));
  }
  for (Node& condition : where) replaced |= LEAT_TRY_SQL(replace_now(binding_, condition, columns));
  if (!replaced) return {};
  if (is_grouped(query)) LEAT_TRY_SQL(refuse_loose_now(written, query, columns));
  Relation& stream = catalog_.at(input);
  stream.schema = with_came(stream.schema);
  return {};
}

/// Rows of a join are of records that came at different times.
Analysed<void> Planner::refuse_now(const std::vector<Node>& conditions, const From& left,
                                   const From& right) const {
  std::vector<Column> columns = relation(left.relation).schema.columns();
  for (const Column& column : relation(right.relation).schema) columns.push_back(column);
  const Schema both(std::move(columns));
  for (const Node& condition : conditions) {
    LEAT_TRY_SQL(
        refuse_unreplayable(condition, both, binding_.functions(), "not-incremental", "a join"));
  }
  return {};
}

}  // namespace leat::sql
