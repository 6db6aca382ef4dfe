#include "sql/aggregate_function.h"

#include <array>
#include <unordered_map>

#include "model/vector_shape.h"

namespace leat::sql {
namespace {

using Function = AggregateCall::Function;

const std::unordered_map<std::string_view, Function> functions = {
    {"count_star", Function::count_star},
    {"count", Function::count},
    {"count_if", Function::sum},
    {"countif", Function::sum},
    {"sum", Function::sum},
    {"fsum", Function::sum},
    {"kahan_sum", Function::sum},
    {"sumkahan", Function::sum},
    {"avg", Function::avg},
    {"mean", Function::avg},
    {"favg", Function::avg},
    {"min", Function::min},
    {"max", Function::max},
    {"first", Function::first},
    {"arbitrary", Function::first},
    {"any_value", Function::first},
    {"last", Function::last},
    {"arg_min", Function::arg_min},
    {"argmin", Function::arg_min},
    {"min_by", Function::arg_min},
    {"arg_max", Function::arg_max},
    {"argmax", Function::arg_max},
    {"max_by", Function::arg_max},
    {"stddev", Function::stddev_samp},
    {"stddev_samp", Function::stddev_samp},
    {"stddev_pop", Function::stddev_pop},
    {"variance", Function::var_samp},
    {"var_samp", Function::var_samp},
    {"var_pop", Function::var_pop},
    {"bool_and", Function::bool_and},
    {"bool_or", Function::bool_or},
    {"approx_count_distinct", Function::approx_count_distinct},
};

std::string remedy(const std::string& name) {
  static constexpr std::array<std::string_view, 8> collecting = {
      "list",    "array_agg",    "string_agg",       "group_concat",
      "listagg", "approx_top_k", "json_group_array", "histogram"};
  if (std::ranges::find(collecting, name) != collecting.end()) {
    return "group by the value too, and collect the values where the view is read";
  }
  static constexpr std::array<std::string_view, 8> ranking = {
      "median",          "quantile",           "quantile_cont", "quantile_disc",
      "approx_quantile", "reservoir_quantile", "mode",          "mad"};
  if (std::ranges::find(ranking, name) != ranking.end()) {
    return "take avg, stddev, min and max, or group by the value too and compute it where the view "
           "is read";
  }
  return "write it with count, sum, avg, min, max, first, last, arg_min, arg_max, stddev, "
         "variance, "
         "bool_and, bool_or, count(DISTINCT …) or approx_count_distinct";
}

bool takes_distinct(Function function) {
  return function == Function::count || function == Function::sum || function == Function::avg;
}

/// DISTINCT changes nothing in these.
bool ignores_distinct(Function function) {
  return function == Function::min || function == Function::max || function == Function::bool_and ||
         function == Function::bool_or || function == Function::approx_count_distinct;
}

std::size_t argument_count(Function function) {
  if (function == Function::count_star) return 0;
  return function == Function::arg_min || function == Function::arg_max ? 2 : 1;
}

Node with_condition(const std::optional<Node>& filter, Node condition) {
  if (!filter) return condition;
  return {{"class", "CONJUNCTION"},
          {"type", "CONJUNCTION_AND"},
          {"alias", ""},
          {"query_location", 0},
          {"children", Node::array({*filter, std::move(condition)})}};
}

Node operation(std::string_view type, const Node& value) {
  return {{"class", "OPERATOR"},
          {"type", type},
          {"alias", ""},
          {"query_location", 0},
          {"children", Node::array({value})}};
}

Node is_not_null(const Node& value) { return operation("OPERATOR_IS_NOT_NULL", value); }
Node negated(const Node& value) { return operation("OPERATOR_NOT", value); }

Analysed<void> check_order(const Node& call, const std::string& name, Function function) {
  if (!call.contains("order_bys") || !call.at("order_bys").is_object() ||
      call.at("order_bys").at("orders").empty()) {
    return {};
  }
  if (function == Function::first || function == Function::last) {
    return sql_fault(
        "not-incremental", position_of(call),
        "{0}(a ORDER BY b) can't be kept up to date: write arg_min(a, b) or arg_max(a, "
        "b)",
        name);
  }
  return {};  // the order does not matter to the others
}

bool is_small_integer(const Type& type) {
  switch (type.id()) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
      return true;
    default:
      return false;
  }
}

}  // namespace

Analysed<AggregateForm> aggregate_form(const Node& call, bool weighted) {
  const std::string name = function_name(call);
  const std::size_t at = position_of(call);
  const auto known = functions.find(name);
  if (known == functions.end()) {
    return sql_fault("not-incremental", at, "{}() can't be kept up to date row by row: {}", name,
                     remedy(name));
  }
  AggregateForm form{known->second, {}, {}, call.value("distinct", false)};
  for (const Node& argument : call.at("children")) form.arguments.push_back(argument);
  if (call.contains("filter") && !call.at("filter").is_null()) form.filter = call.at("filter");
  LEAT_TRY_SQL(check_order(call, name, form.function));
  if (weighted && (form.function == Function::first || form.function == Function::last)) {
    return sql_fault(
        "not-incremental", at,
        "{}() over a view has no order of arrival: write arg_min(a, b), arg_max(a, b), "
        "min(a) or max(a)",
        name);
  }
  if (name == "count_if" || name == "countif") {
    // DuckDB adds up ones and zeros, and so has NULL where there is nothing to add.
    if (form.arguments.size() == 1) form.arguments[0] = negated(negated(form.arguments[0]));
    if (form.distinct) {
      return sql_fault("not-incremental", at, "{}(DISTINCT …): leave DISTINCT out", name);
    }
  }
  if (form.arguments.size() != argument_count(form.function)) {
    return sql_fault("not-incremental", at,
                     "{}() with {} arguments can't be kept up to date: take it with {}", name,
                     form.arguments.size(), argument_count(form.function));
  }
  if (name == "any_value")
    form.filter = with_condition(form.filter, is_not_null(form.arguments[0]));
  if (form.distinct && ignores_distinct(form.function)) form.distinct = false;
  if (form.distinct && !takes_distinct(form.function)) {
    return sql_fault("not-incremental", at,
                     "{}(DISTINCT …) can't be kept up to date: DISTINCT goes with count, sum and "
                     "avg",
                     name);
  }
  return form;
}

Analysed<Type> argument_type(const AggregateForm& form, const Type& argument, const Type& result,
                             std::size_t position) {
  switch (form.function) {
    case Function::stddev_samp:
    case Function::stddev_pop:
    case Function::var_samp:
    case Function::var_pop:
      return Type::of(DUCKDB_TYPE_DOUBLE);
    case Function::bool_and:
    case Function::bool_or:
      return Type::of(DUCKDB_TYPE_BOOLEAN);
    case Function::sum:
    case Function::avg:
      break;
    default:
      return argument;
  }
  if (result.id() == DUCKDB_TYPE_DOUBLE && form.function == Function::sum) {
    return Type::of(DUCKDB_TYPE_DOUBLE);
  }
  if (argument.id() == DUCKDB_TYPE_DECIMAL) return argument;
  if (result.id() == DUCKDB_TYPE_HUGEINT || result.id() == DUCKDB_TYPE_DOUBLE) {
    if (is_small_integer(argument)) return Type::of(DUCKDB_TYPE_BIGINT);
    if (argument.is_integer() && argument.id() != DUCKDB_TYPE_UHUGEINT) {
      return Type::of(DUCKDB_TYPE_HUGEINT);
    }
    return Type::of(DUCKDB_TYPE_DOUBLE);
  }
  return sql_fault("not-incremental", position,
                   "a sum or average of {} can't be kept up to date: turn it into a number, as in "
                   "epoch_us(…)",
                   argument.to_sql());
}

Analysed<void> check_ordered(const AggregateForm& form, const std::string& name,
                             const Type& ordered_by, std::size_t position) {
  switch (form.function) {
    case Function::min:
    case Function::max:
    case Function::arg_min:
    case Function::arg_max:
      break;
    default:
      return {};
  }
  const VectorShape::Kind kind = VectorShape::of(ordered_by).kind;
  if (kind == VectorShape::Kind::fixed || kind == VectorShape::Kind::text) return {};
  return sql_fault(
      "not-incremental", position,
      "{}() in the order of {} can't be kept up to date: go by one of its parts, as in "
      "tags[1] or place.field",
      name, ordered_by.to_sql());
}

Type aggregate_type(const AggregateForm& form, const Type& result) {
  switch (form.function) {
    case Function::count_star:
    case Function::count:
    case Function::approx_count_distinct:
      return Type::of(DUCKDB_TYPE_BIGINT);
    default:
      return result;
  }
}

}  // namespace leat::sql
