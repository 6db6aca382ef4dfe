#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace leat::sql {

/// A node of DuckDB's syntax tree, as json_serialize_sql words it. Expressions have a `class`,
/// query nodes and table references a `type`.
using Node = nlohmann::json;

/// The text under `key`, or empty.
std::string text_in(const Node& node, const char* key);
bool is_expression(const Node& node);
/// Whether an expression is of this class: COLUMN_REF, FUNCTION, CONSTANT, STAR, SUBQUERY, …
bool is_class(const Node& node, std::string_view name);
/// Byte offset in the SQL text; 0 where DuckDB does not know.
std::size_t position_of(const Node& node);

/// The parts of a column reference: {"users", "age"}.
std::vector<std::string> parts_of(const Node& column_ref);
Node column_ref(const std::string& name);
/// The function's name in lower case, without schema.
std::string function_name(const Node& function);
/// How a user knows it: `sum()`, `count(*)`.
std::string written_name(const Node& function);
/// SQL's names are compared without case.
std::string lower(std::string_view text);

/// Calls `see` for every expression at or below `node`, from the top; false from it: not its
/// children. Subqueries are descended into as well.
void walk(const Node& node, const std::function<bool(const Node&)>& see);
void walk(Node& node, const std::function<bool(Node&)>& see);
/// Calls `see` for every table reference below a query node, subqueries and common table
/// expressions included.
void walk_tables(const Node& node, const std::function<void(const Node&)>& see);

/// The parameter names of a lambda expression.
std::vector<std::string> lambda_parameters(const Node& lambda);

/// Calls `replace` on every expression from the top; where it gives a node, that takes the place of
/// the expression (keeping its alias) and is not looked into. Parameters of lambdas are left alone.
void replace_expressions(Node& node,
                         const std::function<std::optional<Node>(const Node&)>& replace);

/// A text that is equal for expressions that are the same but for place, top-level alias and how
/// columns are spelt; columns of the relation `alias` may be written with it.
std::string canonical_text(const Node& expression, const std::string& alias = "");

/// The conditions that AND joins, and such a conjunction (null of none).
std::vector<Node> conjuncts_of(const Node& condition);
Node conjunction_of(const std::vector<Node>& conditions);

/// A comparison (COMPARE_EQUAL, …), and a reference to a column of a table's alias.
Node comparison(const std::string& type, Node left, Node right);
Node column_of(const std::string& table, const std::string& column);
/// Items of a SELECT list: the columns of these names, under their own names.
Node items_of(const std::vector<std::string>& columns);

/// Whether a star stands for columns as they are, but for those of EXCLUDE.
bool is_plain_star(const Node& star);

/// FROM `name`.
Node base_table(const std::string& name, const std::string& alias = "");

}  // namespace leat::sql
