#include "sql/aggregate_scope.h"

namespace leat::sql {
Analysed<AggregateScope> AggregateScope::of(const Node& query, Schema columns, std::string alias) {
  AggregateScope scope(std::move(columns), std::move(alias));
  std::vector<Node> written;
  for (const Node& item : query.at("select_list")) {
    if (is_class(item, "STAR")) {
      LEAT_TRY_SQL(scope.expand(item, written));
    } else {
      written.push_back(item);
    }
  }
  for (const Node& item : written) {
    Node resolved = scope.resolved(item);
    if (const std::string name = lower(text_in(item, "alias")); !name.empty()) {
      Node meaning = resolved;
      meaning["alias"] = "";
      scope.aliases_.try_emplace(name, std::move(meaning));
    }
    scope.items_.push_back(std::move(resolved));
  }
  return scope;
}

Analysed<void> AggregateScope::expand(const Node& star, std::vector<Node>& out) const {
  const std::string relation = text_in(star, "relation_name");
  const bool plain = !star.value("columns", false) && star.at("replace_list").empty() &&
                     star.value("rename_list", Node::array()).empty() &&
                     star.value("qualified_exclude_list", Node::array()).empty() &&
                     (relation.empty() || lower(relation) == lower(alias_));
  if (!plain) {
    return sql_fault("not-incremental", position_of(star),
                     "a view's query names its columns one by one");
  }
  std::set<std::string> excluded;
  for (const Node& name : star.at("exclude_list")) {
    if (name.is_string()) excluded.insert(lower(name.get<std::string>()));
  }
  for (const Column& column : columns_) {
    if (!excluded.contains(lower(column.name))) out.push_back(column_ref(column.name));
  }
  return {};
}

bool AggregateScope::is_column(const Node& expression) const {
  return columns_.find(parts_of(expression)[0]).has_value();
}

const Node* AggregateScope::alias_meant(const Node& expression) const {
  if (!is_class(expression, "COLUMN_REF") || parts_of(expression).size() != 1) return nullptr;
  const auto found = aliases_.find(lower(parts_of(expression)[0]));
  return found == aliases_.end() ? nullptr : &found->second;
}

Node AggregateScope::resolved(const Node& expression) const {
  Node out = expression;
  replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
    const Node* meaning = alias_meant(node);
    return meaning != nullptr && !is_column(node) ? std::optional(*meaning) : std::nullopt;
  });
  return out;
}

Node AggregateScope::resolved_having(const Node& having, const std::set<std::string>& keys,
                                     const FunctionCatalog& functions) const {
  Node out = having;
  replace_expressions(out, [&](const Node& node) -> std::optional<Node> {
    if (keys.contains(canonical(node))) return node;
    if (is_class(node, "FUNCTION") && functions.is_aggregate(function_name(node))) {
      return resolved(node);
    }
    const Node* meaning = alias_meant(node);
    return meaning == nullptr ? std::nullopt : std::optional(*meaning);
  });
  return out;
}

std::string AggregateScope::canonical(const Node& expression) const {
  return canonical_text(expression, alias_);
}

}  // namespace leat::sql
