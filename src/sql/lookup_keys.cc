#include "sql/lookup_keys.h"

#include "sql/engine.h"
#include "sql/row_query.h"

namespace leat::sql {
namespace {

/// A SELECT of values and row_column over the stream's rows, as SQL.
Analysed<std::string> select_of(Binding& binding, const std::string& alias,
                                std::vector<Node> values, const Node& condition = nullptr) {
  Node query = LEAT_TRY_SQL(binding.parse("SELECT 1"));
  query.at("from_table") = LEAT_TRY_SQL(from_input(binding, alias));
  query.at("select_list") = Node::array();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i]["alias"] = fmt::format("k{}", i);
    query.at("select_list").push_back(std::move(values[i]));
  }
  query.at("select_list").push_back(column_ref(row_column));
  query.at("where_clause") = condition;
  return binding.to_sql(query);
}

}  // namespace

Analysed<Node> around(Binding& binding, const std::string& sql, const Node& value) {
  Node whole = LEAT_TRY_SQL(binding.expression_of("SELECT " + sql));
  walk(whole, [&](Node& node) {
    if (!is_class(node, "COLUMN_REF") || parts_of(node)[0] != placeholder) return true;
    node = value;
    return false;
  });
  return whole;
}

Analysed<void> LookupKeyQuery::add(const Relation& table, const std::string& alias,
                                   const std::vector<std::size_t>& key, std::vector<Node> values) {
  const std::string as_written = LEAT_TRY_SQL(select_of(binding_, alias_, values));
  const Schema given = LEAT_TRY_SQL(bound(as_written));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Column& column = table.schema[key[i]];
    const Type& type = given[i].type;
    const bool integers = type.is_integer() && column.type.is_integer();
    if (type != column.type && !integers) {
      return sql_fault("type-mismatch", position_of(values[i]),
                       "the key {}.{} is {}, and this is {}: write CAST(… AS {})", alias,
                       column.name, column.type.to_sql(), type.to_sql(), column.type.to_sql());
    }
    LEAT_TRY_SQL(add_part(column, type, std::move(values[i])));
  }
  return {};
}

Analysed<LookupKeys> LookupKeyQuery::keys(const std::vector<Node>& conditions) {
  LookupKeys out{.parts = Schema(parts_), .passes = passes_, .sql = {}};
  if (computed_.empty() && conditions.empty()) return out;
  out.sql = LEAT_TRY_SQL(select_of(binding_, alias_, computed_, conjunction_of(conditions)));
  LEAT_TRY_SQL(bound(out.sql));
  return out;
}

Analysed<Schema> LookupKeyQuery::bound(const std::string& sql) {
  return binding_.bind_rewritten(sql, {.schema = stream_, .with_row = true});
}

/// As the table has it, or not at all.
Analysed<void> LookupKeyQuery::add_part(const Column& column, const Type& given, Node value) {
  parts_.push_back({fmt::format("k{}", parts_.size()), column.type});
  const bool can_pass = given == column.type && is_passable(given);
  passes_.push_back(can_pass ? column_meant(value, alias_, stream_) : std::nullopt);
  if (passes_.back()) return {};
  if (given != column.type) {
    const std::string cast = fmt::format("TRY_CAST({} AS {})", placeholder, column.type.to_sql());
    value = LEAT_TRY_SQL(around(binding_, cast, value));
  }
  computed_.push_back(std::move(value));
  return {};
}

}  // namespace leat::sql
