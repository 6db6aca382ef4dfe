#include "random_expression.h"

#include <array>

#include <fmt/format.h>

namespace leat::proof {

const RandomColumn* RandomExpression::column_of(ValueKind kind) {
  std::vector<const RandomColumn*> fitting;
  for (const RandomColumn& column : columns_) {
    const bool fits = column.kind == kind ||
                      (kind == ValueKind::number && column.kind == ValueKind::real && any(3) == 0);
    if (fits) fitting.push_back(&column);
  }
  return fitting.empty() ? nullptr : fitting[any(fitting.size())];
}

std::string RandomExpression::literal(ValueKind kind) {
  static constexpr std::array texts = {"'a'", "'b'", "'ab'", "''", "'longer than twelve bytes'"};
  switch (kind) {
    case ValueKind::text:
      return texts[any(texts.size())];
    case ValueKind::truth:
      return any(2) == 0 ? "true" : "false";
    default:
      return std::to_string(static_cast<int>(any(9)) - 3);
  }
}

std::string RandomExpression::number(int depth) {
  const RandomColumn* column = column_of(ValueKind::number);
  if (depth == 0 || any(3) == 0) {
    return column == nullptr || any(6) == 0 ? literal(ValueKind::number) : column->name;
  }
  switch (any(8)) {
    case 0:
      return fmt::format("({} + {})", number(depth - 1), number(depth - 1));
    case 1:
      return fmt::format("({} - {})", number(depth - 1), number(depth - 1));
    case 2:
      return fmt::format("({} * {})", number(depth - 1), literal(ValueKind::number));
    case 3:
      return fmt::format("abs({})", number(depth - 1));
    case 4:
      return fmt::format("coalesce({}, {})", number(depth - 1), literal(ValueKind::number));
    case 5:
      return fmt::format("CASE WHEN {} THEN {} ELSE {} END", truth(depth - 1), number(depth - 1),
                         number(depth - 1));
    case 6:
      return fmt::format("nullif({}, {})", number(depth - 1), literal(ValueKind::number));
    default:
      return fmt::format("length({})", text(depth - 1));
  }
}

std::string RandomExpression::text(int depth) {
  const RandomColumn* column = column_of(ValueKind::text);
  if (depth == 0 || any(3) == 0) {
    return column == nullptr || any(6) == 0 ? literal(ValueKind::text) : column->name;
  }
  switch (any(5)) {
    case 0:
      return fmt::format("upper({})", text(depth - 1));
    case 1:
      return fmt::format("({} || {})", text(depth - 1), text(depth - 1));
    case 2:
      return fmt::format("substr({}, 1, {})", text(depth - 1), 1 + any(3));
    case 3:
      return fmt::format("coalesce({}, {})", text(depth - 1), literal(ValueKind::text));
    default:
      return fmt::format("CASE WHEN {} THEN {} END", truth(depth - 1), text(depth - 1));
  }
}

std::string RandomExpression::truth(int depth) {
  static constexpr std::array signs = {"=", "<>", "<", "<=", ">", ">="};
  const RandomColumn* column = column_of(ValueKind::truth);
  if (depth == 0) return column == nullptr ? number(0) + " > 1" : column->name;
  switch (any(9)) {
    case 0:
      return fmt::format("({} AND {})", truth(depth - 1), truth(depth - 1));
    case 1:
      return fmt::format("({} OR {})", truth(depth - 1), truth(depth - 1));
    case 2:
      return fmt::format("(NOT {})", truth(depth - 1));
    case 3:
      return fmt::format("({} IS NULL)", any(2) == 0 ? text(depth - 1) : number(depth - 1));
    case 4:
      return fmt::format("({} IN ({}, {}))", number(depth - 1), literal(ValueKind::number),
                         literal(ValueKind::number));
    case 5:
      return fmt::format("({} {} {})", text(depth - 1), signs[any(signs.size())],
                         literal(ValueKind::text));
    case 6:
      return fmt::format("({} IS DISTINCT FROM {})", number(depth - 1), number(depth - 1));
    case 7:
      return fmt::format("({} BETWEEN {} AND {})", number(depth - 1), literal(ValueKind::number),
                         number(0));
    default:
      return fmt::format("({} {} {})", number(depth - 1), signs[any(signs.size())],
                         number(depth - 1));
  }
}

std::string RandomExpression::value(const RandomColumn& column) {
  if (any(3) != 0) return column.name;
  switch (column.kind) {
    case ValueKind::number:
    case ValueKind::real:
      return number(2);
    case ValueKind::text:
      return text(2);
    case ValueKind::truth:
      return truth(2);
    default:
      return column.name;
  }
}

std::string RandomExpression::key() { return value(columns_[any(columns_.size())]); }

std::string RandomExpression::aggregate(bool ordered) {
  const RandomColumn& column = columns_[any(columns_.size())];
  const std::string filter =
      any(5) == 0 ? fmt::format(" FILTER (WHERE {})", truth(1 + static_cast<int>(any(2)))) : "";
  const char* distinct = any(5) == 0 ? "DISTINCT " : "";
  const bool comparable = column.kind != ValueKind::list;
  switch (any(13)) {
    case 0:
    case 1:
      return "count(*)" + filter;
    case 2:
      return fmt::format("count({}{}){}", distinct, value(column), filter);
    case 3:
    case 4:
      return fmt::format("sum({}{}){}", distinct, number(2), filter);
    case 5:
      return fmt::format("avg({}{}){}", distinct, number(1), filter);
    case 6:
    case 7:
      if (comparable)
        return fmt::format("{}({}){}", any(2) == 0 ? "min" : "max", value(column), filter);
      return fmt::format("max({}){}", number(2), filter);
    case 8:
      return fmt::format("{}({}){}", any(2) == 0 ? "bool_and" : "bool_or", truth(2), filter);
    case 9:
      return fmt::format("{}({}){}", any(2) == 0 ? "var_pop" : "stddev_samp", number(0), filter);
    case 10:
      return fmt::format("count_if({}){}", truth(2), filter);
    case 11:
      // By the column that is unique where there is one: otherwise SQL leaves open which it is.
      if (columns_.front().name == "id") {
        return fmt::format("{}({}, id){}", any(2) == 0 ? "arg_min" : "arg_max", value(column),
                           filter);
      }
      return fmt::format("min({}){}", number(2), filter);
    default:
      if (ordered) {
        return fmt::format("{}({}){}", any(2) == 0 ? "first" : "last", value(column), filter);
      }
      return fmt::format("max({}){}", number(2), filter);
  }
}

}  // namespace leat::proof
