// Rankings: queries whose result are the first rows of each key in some order.

#include <algorithm>

#include "sql/planner.h"
#include "sql/refusal.h"

namespace leat::sql {
namespace {

using Ranking = KeyedQuery::Ranking;

std::optional<std::int64_t> whole_number(const Node& expression) {
  if (!is_class(expression, "CONSTANT")) return std::nullopt;
  const auto number = expression.at("value").find("value");
  if (number == expression.at("value").end() || !number->is_number_integer()) return std::nullopt;
  return number->get<std::int64_t>();
}

}  // namespace

/// `QUALIFY row_number() OVER (PARTITION BY … ORDER BY …) <= n`, over rows that may be taken back.
std::optional<Planner::Rank> Planner::rank_of_window(const Node& query) const {
  const auto ranked = ranking_of(query);
  if (!ranked) return std::nullopt;
  const auto count = whole_number(query.at("qualify").at("right"));
  if (!count) return std::nullopt;
  const bool less = text_in(query.at("qualify"), "type") == "COMPARE_LESSTHAN";
  const std::string function = function_name(*ranked);
  const auto ties = function == "rank"         ? Ranking::Ties::together
                    : function == "dense_rank" ? Ranking::Ties::as_one
                                               : Ranking::Ties::apart;
  return Rank{ranked->at("orders"), ties, less ? *count - 1 : *count};
}

/// `ORDER BY … LIMIT n OFFSET m`. A name in ORDER BY is an item of SELECT first.
std::optional<Planner::Rank> Planner::rank_of_limit(const Modifiers& modifiers,
                                                    const Node& items) const {
  const auto limit = modifiers.limit ? whole_number(*modifiers.limit) : std::nullopt;
  const auto offset =
      modifiers.offset ? whole_number(*modifiers.offset) : std::optional<std::int64_t>(0);
  if (!limit || !offset) return std::nullopt;
  Rank rank{modifiers.order, Ranking::Ties::apart, *limit + *offset};
  const auto item_named = [&](const std::string& name) -> const Node* {
    for (const Node& item : items) {
      if (lower(text_in(item, "alias")) == lower(name)) return &item;
    }
    return nullptr;
  };
  for (Node& order : rank.orders) {
    Node& by = order.at("expression");
    if (const auto index = ordinal_of(by); index && *index < items.size()) {
      by = items[*index];
    } else if (is_class(by, "COLUMN_REF")) {
      if (const Node* item = item_named(parts_of(by).back())) by = *item;
    } else {
      // Whether a name inside of an expression is an item or a column is left to DuckDB.
      bool ambiguous = false;
      walk(by, [&](const Node& node) {
        ambiguous |= is_class(node, "COLUMN_REF") && item_named(parts_of(node).back()) != nullptr;
        return true;
      });
      if (ambiguous) return std::nullopt;
    }
  }
  return rank;
}

/// Puts what rows are ordered by among the columns of the input, behind the others.
void Planner::add_orders(const Node& orders, std::vector<Node>& items) {
  for (std::size_t i = 0; i < orders.size(); ++i) {
    items.push_back(orders[i].at("expression"));
    items.back()["alias"] = order_column(i);
  }
}

std::string Planner::order_column(std::size_t index) {
  return fmt::format("__leat_order{}", index);
}

/// What rows are ordered by where add_orders made it the last columns of the input; nothing where
/// they can't be.
std::optional<std::vector<KeyedQuery::Order>> Planner::orders_of(const Node& orders,
                                                                 const Schema& input) {
  std::vector<KeyedQuery::Order> out;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const std::size_t column = input.size() - orders.size() + i;
    if (!can_be_ranked(input[column].type)) return std::nullopt;
    out.push_back({.column = column,
                   .descending = text_in(orders[i], "type") == "DESCENDING",
                   .nulls_first = text_in(orders[i], "null_order").ends_with("FIRST")});
  }
  return out;
}

}  // namespace leat::sql
