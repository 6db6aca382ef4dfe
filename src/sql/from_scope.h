#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/fault.h"
#include "sql/syntax.h"

namespace leat::sql {

/// What the names in a SELECT mean whose FROM is, or has been made, one relation: tables' aliases
/// and their columns, each a column of that relation.
class FromScope {
 public:
  struct Column {
    std::string table;   ///< alias of the table in the query
    std::string name;    ///< in that table
    std::string column;  ///< in the relation
  };

  FromScope() = default;
  /// A table of this alias whose columns are the relation's own.
  FromScope(const std::string& table, const std::vector<std::string>& columns);

  const std::vector<Column>& columns() const { return columns_; }
  void add(Column column) { columns_.push_back(std::move(column)); }
  /// A column that USING has made of two: `meaning` over the relation's columns.
  void merge(const std::string& name, Node meaning) { merged_[lower(name)] = std::move(meaning); }
  bool is_merged(const std::string& name) const { return merged_.contains(lower(name)); }
  const std::map<std::string, Node>& merged() const { return merged_; }

  /// What a column reference stands for, over the relation's columns; nothing where it names none
  /// of them (an alias of the SELECT list, or a column of a query around this one).
  std::optional<Node> resolve(const Node& column_ref) const;
  /// The expression with all references resolved that can be.
  Node resolved(const Node& expression) const;
  /// Whether all, and any, of an expression's references are of this scope.
  bool covers(const Node& expression) const;
  bool touches(const Node& expression) const;
  /// It has references, and all are of this scope.
  bool decides(const Node& expression) const { return covers(expression) && touches(expression); }
  /// The SELECT items that a star stands for, each with its name as alias.
  Analysed<std::vector<Node>> expand(const Node& star) const;

 private:
  std::vector<Column> columns_;
  std::map<std::string, Node> merged_;
};

}  // namespace leat::sql
