#include "sql/from_scope.h"

#include <algorithm>
#include <set>

namespace leat::sql {
namespace {

/// The column of the relation, with the rest of the reference (fields of a struct) behind it.
Node reference(const Node& written, const std::string& column, std::size_t rest) {
  Node out = written;
  Node names = Node::array({column});
  const auto parts = parts_of(written);
  for (std::size_t i = rest; i < parts.size(); ++i) names.push_back(parts[i]);
  out["column_names"] = std::move(names);
  return out;
}

std::set<std::string> excluded_by(const Node& star) {
  std::set<std::string> names;
  for (const Node& name : star.at("exclude_list")) {
    if (name.is_string()) names.insert(lower(name.get<std::string>()));
  }
  for (const Node& name : star.value("qualified_exclude_list", Node::array())) {
    if (name.is_object()) names.insert(lower(text_in(name, "column")));
  }
  return names;
}

/// `SELECT * REPLACE (a + 1 AS a)`: the expression for this column.
const Node* replacement_of(const Node& star, const std::string& name) {
  for (const Node& entry : star.at("replace_list")) {
    if (lower(text_in(entry, "key")) == lower(name)) return &entry.at("value");
  }
  return nullptr;
}

}  // namespace

FromScope::FromScope(const std::string& table, const std::vector<std::string>& columns) {
  for (const std::string& column : columns) columns_.push_back({table, column, column});
}

std::optional<Node> FromScope::resolve(const Node& column_ref) const {
  const auto parts = parts_of(column_ref);
  const std::string first = lower(parts[0]);
  if (parts.size() > 1) {
    const std::string second = lower(parts[1]);
    for (const Column& column : columns_) {
      if (lower(column.table) == first && lower(column.name) == second) {
        return reference(column_ref, column.column, 2);
      }
    }
  }
  if (const auto found = merged_.find(first); found != merged_.end() && parts.size() == 1) {
    return found->second;
  }
  for (const Column& column : columns_) {
    if (lower(column.name) == first) return reference(column_ref, column.column, 1);
  }
  return std::nullopt;
}

Node FromScope::resolved(const Node& expression) const {
  Node out = expression;
  replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    return resolve(node);
  });
  return out;
}

bool FromScope::covers(const Node& expression) const {
  bool all = true;
  Node copy = expression;
  replace_expressions(copy, [&](const Node& node) -> std::optional<Node> {
    if (is_class(node, "SUBQUERY")) all = false;
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    if (!resolve(node)) all = false;
    return node;
  });
  return all;
}

bool FromScope::touches(const Node& expression) const {
  bool any = false;
  Node copy = expression;
  replace_expressions(copy, [&](const Node& node) -> std::optional<Node> {
    if (!is_class(node, "COLUMN_REF")) return std::nullopt;
    if (resolve(node)) any = true;
    return node;
  });
  return any;
}

Analysed<std::vector<Node>> FromScope::expand(const Node& star) const {
  const std::string relation = lower(text_in(star, "relation_name"));
  const bool has_condition = star.contains("expr") && !star.at("expr").is_null();
  if (star.value("columns", false) || has_condition ||
      !star.value("rename_list", Node::array()).empty()) {
    return sql_fault("not-incremental", position_of(star),
                     "a view's query names its columns one by one, or by * alone");
  }
  const std::set<std::string> excluded = excluded_by(star);
  std::vector<Node> items;
  std::set<std::string> given;
  for (const Column& column : columns_) {
    if (!relation.empty() && lower(column.table) != relation) continue;
    const std::string name = lower(column.name);
    if (excluded.contains(name) || column.table.empty()) continue;
    if (relation.empty() && is_merged(name) && !given.insert(name).second) continue;
    Node item = column_ref(column.column);
    if (relation.empty() && is_merged(name)) item = merged_.at(name);
    if (const Node* replacement = replacement_of(star, name)) item = resolved(*replacement);
    item["alias"] = column.name;
    items.push_back(std::move(item));
  }
  if (items.empty()) {
    return sql_fault("unknown-table", position_of(star), "there is no table \"{}\" in FROM",
                     text_in(star, "relation_name"));
  }
  return items;
}

}  // namespace leat::sql
