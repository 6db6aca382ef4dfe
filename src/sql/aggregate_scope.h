#pragma once

#include <map>
#include <set>

#include "sql/binding.h"

namespace leat::sql {

/// What names mean in an aggregate query: the input's columns, and the aliases of its SELECT list.
class AggregateScope {
 public:
  /// Expands stars in the select list; `alias` is the input's name in the query.
  static Analysed<AggregateScope> of(const Node& query, Schema columns, std::string alias);

  const Schema& columns() const { return columns_; }
  const std::string& alias() const { return alias_; }
  /// The SELECT list with aliases put in place, one item a result column.
  const std::vector<Node>& items() const { return items_; }

  /// The expression with aliases put in place, a column of the input going before an alias of the
  /// same name.
  Node resolved(const Node& expression) const;
  /// The same for HAVING, where outside of aggregate calls an alias goes before a column, but not
  /// before a group key.
  Node resolved_having(const Node& having, const std::set<std::string>& keys,
                       const FunctionCatalog& functions) const;

  /// Equal for expressions that are the same but for place, top-level alias and how columns are
  /// spelt.
  std::string canonical(const Node& expression) const;

 private:
  AggregateScope(Schema columns, std::string alias)
      : columns_(std::move(columns)), alias_(std::move(alias)) {}
  Analysed<void> expand(const Node& star, std::vector<Node>& out) const;
  const Node* alias_meant(const Node& expression) const;
  bool is_column(const Node& expression) const;

  Schema columns_;
  std::string alias_;
  std::vector<Node> items_;
  std::map<std::string, Node> aliases_;
};

}  // namespace leat::sql
