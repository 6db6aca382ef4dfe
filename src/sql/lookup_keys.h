#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sql/binding.h"

namespace leat::sql {

/// What a stream's query with lookups asks them for: their keys, added one after the other.
class LookupKeyQuery {
 public:
  /// `input_alias`: what the query calls the stream. Both outlive this.
  LookupKeyQuery(Binding& binding, const std::string& input_alias, const Schema& stream)
      : binding_(binding), alias_(input_alias), stream_(stream) {}

  /// `key`: columns of the table, which the query calls `alias`, and the expressions over the
  /// stream that are their values. Fault `type-mismatch`: one is of another type.
  Analysed<void> add(const Relation& table, const std::string& alias,
                     const std::vector<std::size_t>& key, std::vector<Node> values);
  /// `conditions`: of WHERE, about the stream alone.
  Analysed<LookupKeys> keys(const std::vector<Node>& conditions);

 private:
  Analysed<Schema> bound(const std::string& sql);
  Analysed<void> add_part(const Column& column, const Type& given, Node value);

  Binding& binding_;
  const std::string& alias_;
  const Schema& stream_;
  std::vector<Column> parts_;
  std::vector<std::optional<std::size_t>> passes_;
  std::vector<Node> computed_;
};

/// Stands for an expression in SQL that is put around it.
inline constexpr const char* placeholder = "__leat_value";
/// An expression with `value` where the placeholder stands.
Analysed<Node> around(Binding& binding, const std::string& sql, const Node& value);

}  // namespace leat::sql
