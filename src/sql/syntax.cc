#include "sql/syntax.h"

#include <array>

namespace leat::sql {
namespace {

template <class N>
void walk_nodes(N& node, const std::function<bool(N&)>& see) {
  if (!node.is_structured()) return;
  if (is_expression(node) && !see(node)) return;
  for (auto& child : node) walk_nodes(child, see);
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

}  // namespace leat::sql
