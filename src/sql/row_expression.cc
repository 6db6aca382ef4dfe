#include "sql/row_expression.h"

#include <algorithm>

#include "sql/engine.h"
#include "sql/now.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

constexpr std::string_view code = "not-row-wise";

/// One expression over a row that gives the same at every replay, as a query without a FROM, and
/// what DuckDB binds it to. `what` and `example` word the faults.
struct RowExpression {
  Node query;
  Schema bound;
};
Analysed<RowExpression> read_row_expression(Binding& binding, std::string_view expression,
                                            const Schema& schema, std::string_view what,
                                            std::string_view example, Now now = Now::refused) {
  const std::string prefix = "SELECT ";
  const std::string text = prefix + std::string(expression);
  const auto unshifted = [&](SqlFault fault) {
    fault.position =
        std::min(fault.position - std::min(fault.position, prefix.size()), expression.size());
    return std::unexpected(std::move(fault));
  };
  auto parsed = binding.parse(text, schema.names());
  if (!parsed) return unshifted(std::move(parsed).error());
  Node query = std::move(*parsed);
  if (text_in(query, "type") != "SELECT_NODE" || query.at("select_list").size() != 1 ||
      text_in(query.at("from_table"), "type") != "EMPTY" || !query.at("where_clause").is_null() ||
      !query.at("modifiers").empty() || !query.at("group_expressions").empty() ||
      text_in(query, "aggregate_handling") == "FORCE_AGGREGATES" || !query.at("having").is_null() ||
      !query.at("qualify").is_null() || is_class(query.at("select_list")[0], "STAR") ||
      !text_in(query.at("select_list")[0], "alias").empty()) {
    return sql_fault("sql-syntax", 0, "{} is one expression, {}", what, example);
  }
  auto refused = refuse_unreplayable(query, schema, binding.functions(), code, what, now);
  if (refused) {
    walk(query, [&](const Node& node) {
      const std::string name = is_class(node, "FUNCTION") ? function_name(node) : "";
      if (refused && (find_aggregate(node, binding.functions()) == &node || name == "unnest")) {
        refused = sql_fault(code, position_of(node), "{} looks at one row: {} can't be in it", what,
                            written_name(node));
      }
      return refused.has_value();
    });
  }
  if (!refused) return unshifted(std::move(refused).error());

  const std::string from = fmt::format("FROM {}() SELECT ", input_function);
  Schema bound = LEAT_TRY_SQL(binding.bind(from + std::string(expression), {schema},
                                           binding.names_of(schema, "the row"), from.size()));
  return RowExpression{std::move(query), std::move(bound)};
}

}  // namespace

Analysed<Type> analyse_row_expression(Binding& binding, std::string_view expression,
                                      const Schema& schema) {
  const RowExpression read = LEAT_TRY_SQL(
      read_row_expression(binding, expression, schema, "this", "with a value for each row"));
  return read.bound[0].type;
}

Analysed<std::string> analyse_predicate(Binding& binding, std::string_view expression,
                                        const Schema& schema, Now now) {
  static constexpr std::string_view condition = "a condition";
  auto [query, bound] = LEAT_TRY_SQL(read_row_expression(binding, expression, schema, condition,
                                                         "true or false for a row: a > 0", now));
  if (bound.size() != 1 || bound[0].type.id() != DUCKDB_TYPE_BOOLEAN) {
    return sql_fault("type-mismatch", 0, "{} must be true or false, this is {}: compare it",
                     condition, bound.size() == 1 ? bound[0].type.to_sql() : "several columns");
  }
  LEAT_TRY_SQL(replace_now(binding, query, schema));
  query.at("from_table") =
      LEAT_TRY_SQL(binding.from_of(fmt::format("SELECT * FROM {}()", input_function)));
  query.at("select_list").push_back(column_ref(row_column));
  const std::string sql = LEAT_TRY_SQL(binding.to_sql(query));
  LEAT_TRY_SQL(binding.bind_rewritten(sql, {with_came(schema, sql), true, false}));
  return sql;
}

}  // namespace leat::sql
