#include "sql/syntax.h"

#include <array>
#include <set>

namespace leat::sql {
namespace {

template <class N>
void walk_nodes(N& node, const std::function<bool(N&)>& see) {
  if (!node.is_structured()) return;
  if (is_expression(node) && !see(node)) return;
  for (auto& child : node) walk_nodes(child, see);
}

void replace_below(Node& node, const std::set<std::string>& parameters,
                   const std::function<std::optional<Node>(const Node&)>& replace) {
  if (!node.is_structured()) return;
  if (is_class(node, "LAMBDA")) {
    std::set<std::string> inner = parameters;
    for (const std::string& name : lambda_parameters(node)) inner.insert(lower(name));
    return replace_below(node.at("expr"), inner, replace);
  }
  if (is_class(node, "COLUMN_REF") && parameters.contains(lower(parts_of(node)[0]))) return;
  if (is_expression(node)) {
    if (auto replacement = replace(node)) {
      std::string alias = text_in(node, "alias");
      node = std::move(*replacement);
      node["alias"] = std::move(alias);
      return;
    }
  }
  for (auto& child : node) replace_below(child, parameters, replace);
}

constexpr std::array<std::string_view, 12> table_types = {
    "BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY",    "JOIN",          "EXPRESSION_LIST", "SHOW_REF",
    "PIVOT",      "EMPTY",          "COLUMN_DATA", "DELIM_GET_REF", "BOUND_TABLE_REF", "CTE"};

}  // namespace

std::string text_in(const Node& node, const char* key) {
  if (!node.is_object()) return {};
  const auto found = node.find(key);
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_expression(const Node& node) { return node.is_object() && node.contains("class"); }

bool is_class(const Node& node, std::string_view name) {
  if (!node.is_object()) return false;
  const auto found = node.find("class");
  return found != node.end() && *found == name;
}

std::size_t position_of(const Node& node) {
  const auto found = node.is_object() ? node.find("query_location") : node.end();
  if (!node.is_object() || found == node.end() || !found->is_number_unsigned()) return 0;
  const auto position = found->get<std::uint64_t>();
  return position > 1ULL << 32 ? 0 : position;
}

std::vector<std::string> parts_of(const Node& column_ref) {
  return column_ref.at("column_names").get<std::vector<std::string>>();
}

Node column_ref(const std::string& name) {
  return {{"class", "COLUMN_REF"},
          {"type", "COLUMN_REF"},
          {"alias", ""},
          {"query_location", ~std::uint64_t{0}},
          {"column_names", Node::array({name})}};
}

std::string function_name(const Node& function) {
  return lower(text_in(function, "function_name"));
}

std::string written_name(const Node& function) {
  const std::string name = function_name(function);
  return name == "count_star" ? "count(*)" : name + "()";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

void walk(const Node& node, const std::function<bool(const Node&)>& see) { walk_nodes(node, see); }
void walk(Node& node, const std::function<bool(Node&)>& see) { walk_nodes(node, see); }

void walk_tables(const Node& node, const std::function<void(const Node&)>& see) {
  if (!node.is_structured()) return;
  if (node.is_object() && !is_expression(node)) {
    const std::string type = text_in(node, "type");
    const bool table = std::ranges::find(table_types, type) != table_types.end();
    if (table && node.contains("sample")) see(node);
  }
  for (const auto& child : node) walk_tables(child, see);
}

std::vector<std::string> lambda_parameters(const Node& lambda) {
  std::vector<std::string> names;
  walk(lambda.at("lhs"), [&](const Node& node) {
    if (is_class(node, "COLUMN_REF")) names.push_back(parts_of(node).front());
    return true;
  });
  return names;
}

void replace_expressions(Node& node,
                         const std::function<std::optional<Node>(const Node&)>& replace) {
  replace_below(node, {}, replace);
}

std::string canonical_text(const Node& expression, const std::string& alias) {
  Node copy = expression;
  walk(copy, [&](Node& node) {
    node["query_location"] = 0;
    if (is_class(node, "COLUMN_REF")) {
      auto parts = parts_of(node);
      if (parts.size() > 1 && lower(parts[0]) == lower(alias)) parts.erase(parts.begin());
      for (std::string& part : parts) part = lower(part);
      node["column_names"] = parts;
    }
    if (is_class(node, "FUNCTION")) {
      node["function_name"] = function_name(node);
      node["schema"] = "";
    }
    return true;
  });
  copy["alias"] = "";
  return copy.dump(-1, ' ', false, Node::error_handler_t::replace);
}

std::vector<Node> conjuncts_of(const Node& condition) {
  if (condition.is_null()) return {};
  if (text_in(condition, "type") != "CONJUNCTION_AND") return {condition};
  std::vector<Node> all;
  for (const Node& child : condition.at("children")) {
    for (Node& part : conjuncts_of(child)) all.push_back(std::move(part));
  }
  return all;
}

Node conjunction_of(const std::vector<Node>& conditions) {
  if (conditions.empty()) return nullptr;
  if (conditions.size() == 1) return conditions.front();
  return {{"class", "CONJUNCTION"},
          {"type", "CONJUNCTION_AND"},
          {"alias", ""},
          {"query_location", 0},
          {"children", conditions}};
}

Node comparison(const std::string& type, Node left, Node right) {
  return {{"class", "COMPARISON"},
          {"type", type},
          {"alias", ""},
          {"query_location", 0},
          {"left", std::move(left)},
          {"right", std::move(right)}};
}

Node column_of(const std::string& table, const std::string& column) {
  Node node = column_ref(column);
  node["column_names"] = Node::array({table, column});
  return node;
}

Node items_of(const std::vector<std::string>& columns) {
  Node items = Node::array();
  for (const std::string& column : columns) {
    items.push_back(column_ref(column));
    items.back()["alias"] = column;
  }
  return items;
}

bool is_plain_star(const Node& star) {
  return (!star.contains("expr") || star.at("expr").is_null()) && !star.value("columns", false) &&
         star.at("replace_list").empty() &&
         star.value("qualified_exclude_list", Node::array()).empty() &&
         star.value("rename_list", Node::array()).empty();
}

Node base_table(const std::string& name, const std::string& alias) {
  return {{"type", "BASE_TABLE"},
          {"alias", alias},
          {"sample", nullptr},
          {"query_location", 0},
          {"schema_name", ""},
          {"table_name", name},
          {"column_name_alias", Node::array()},
          {"catalog_name", ""},
          {"at_clause", nullptr}};
}

}  // namespace leat::sql
