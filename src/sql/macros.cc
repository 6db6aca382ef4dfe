#include "sql/macros.h"

#include <algorithm>

#include "sql/engine.h"

namespace leat::sql {
namespace {

/// What a query may become by macros in macros.
constexpr std::size_t written_bytes_max = 256u << 10;

/// Where the bracket closes that opens at the text's beginning; npos: nowhere.
std::size_t closing_bracket(std::string_view text) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

/// The place behind blanks, and behind a word there; nothing: another stands there.
std::optional<std::size_t> behind_word(std::string_view text, std::size_t at,
                                       std::string_view word) {
  at = text.find_first_not_of(" \t\r\n", at);
  if (at == std::string_view::npos || lower(text.substr(at, word.size())) != word) {
    return std::nullopt;
  }
  const std::size_t end = at + word.size();
  if (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0)) {
    return std::nullopt;
  }
  return end;
}

std::unexpected<SqlFault> moved(SqlFault fault, std::size_t cut, std::size_t add) {
  fault.position = std::max(fault.position, cut) - cut + add;
  return std::unexpected(std::move(fault));
}

void put_at(Node& node, std::size_t position) {
  if (!node.is_structured()) return;
  if (node.is_object() && node.contains("query_location")) node["query_location"] = position;
  for (Node& child : node) put_at(child, position);
}

}  // namespace

Analysed<void> Macros::add(Parser& parser, const std::string& name, std::string_view text) {
  const std::size_t open = text.find_first_not_of(" \t\r\n");
  const std::size_t close = open == std::string_view::npos || text[open] != '('
                                ? std::string_view::npos
                                : open + closing_bracket(text.substr(open));
  const auto as = close >= text.size() ? std::nullopt : behind_word(text, close + 1, "as");
  if (!as) {
    return sql_fault("sql-syntax", 0,
                     "a macro is its parameters and what it stands for: (a, b := 2) AS a + b, or "
                     "(a) AS TABLE SELECT …");
  }
  Macro macro;
  const std::string call = "SELECT f" + std::string(text.substr(open, close + 1 - open));
  const auto head = parser.parse(call);
  if (!head) return moved(head.error(), 8, open);
  macro.parameters = LEAT_TRY_SQL(parameters_in(head->at("select_list").at(0)));
  const auto query = behind_word(text, *as, "table");
  macro.table = query.has_value();
  const std::size_t begin = query.value_or(*as);
  const std::string before = macro.table ? "" : "SELECT ";
  auto body = parser.parse(before + std::string(text.substr(begin)));
  if (!body) return moved(body.error(), before.size(), begin);
  std::optional<std::size_t> first;
  if (const auto expanded = expand(*body, first); !expanded) {
    return moved(expanded.error(), before.size(), begin);
  }
  if (!macro.table) {
    if (body->at("select_list").size() != 1 || text_in(body->at("from_table"), "type") != "EMPTY") {
      return sql_fault("sql-syntax", begin,
                       "a macro stands for one expression, or for a query: AS TABLE SELECT …");
    }
    macro.plain = std::string(text.substr(open, close + 1 - open)) + " AS (" +
                  LEAT_TRY_SQL(parser.to_sql(*body)).substr(before.size()) + ")";
    macro.body = body->at("select_list").at(0);
  } else {
    macro.body = std::move(*body);
  }
  macros_.insert_or_assign(lower(name), std::move(macro));
  return {};
}

Analysed<std::vector<Macros::Parameter>> Macros::parameters_in(const Node& call) {
  std::vector<Parameter> parameters;
  for (const Node& child : call.at("children")) {
    const std::string named = text_in(child, "alias");
    Parameter parameter;
    if (!named.empty()) {
      parameter.name = lower(named);
      parameter.otherwise = child;
      (*parameter.otherwise)["alias"] = "";
    } else if (is_class(child, "COLUMN_REF") && parts_of(child).size() == 1) {
      parameter.name = lower(parts_of(child)[0]);
    } else {
      return sql_fault("sql-syntax", position_of(child),
                       "a parameter is a name, or a name and what it is where it is left out: "
                       "b := 2");
    }
    const bool twice = std::ranges::any_of(
        parameters, [&](const Parameter& other) { return other.name == parameter.name; });
    if (twice) {
      return sql_fault("sql-syntax", position_of(child), "the parameter {} stands here twice",
                       parameter.name);
    }
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

const Macros::Macro* Macros::find(const Node& call) const {
  const auto found = macros_.find(function_name(call));
  return found == macros_.end() ? nullptr : &found->second;
}

const std::string* Macros::scalar_text(const std::string& name) const {
  const auto found = macros_.find(lower(name));
  return found == macros_.end() || found->second.table ? nullptr : &found->second.plain;
}

Analysed<Macros::Arguments> Macros::arguments_of(const Node& call, const Macro& macro) {
  Arguments given;
  std::size_t place = 0;
  const std::string name = function_name(call);
  for (const Node& child : call.at("children")) {
    const std::string named = lower(text_in(child, "alias"));
    const auto parameter =
        named.empty() ? macro.parameters.begin() +
                            static_cast<std::ptrdiff_t>(std::min(place++, macro.parameters.size()))
                      : std::ranges::find(macro.parameters, named, &Parameter::name);
    if (parameter == macro.parameters.end() || given.contains(parameter->name)) {
      return sql_fault("type-mismatch", position_of(child), "the macro {} has {} parameter{}{}",
                       name, macro.parameters.size(), macro.parameters.size() == 1 ? "" : "s",
                       named.empty() ? "" : ", and none, or one already, called " + named);
    }
    Node value = child;
    value["alias"] = "";
    given.emplace(parameter->name, std::move(value));
  }
  for (const Parameter& parameter : macro.parameters) {
    if (given.contains(parameter.name)) continue;
    if (!parameter.otherwise) {
      return sql_fault("type-mismatch", position_of(call), "the macro {} needs its parameter {}",
                       name, parameter.name);
    }
    given.emplace(parameter.name, *parameter.otherwise);
  }
  return given;
}

/// The macro's body with a call's arguments in the place of the parameters.
Analysed<Node> Macros::body_of(const Node& call, const Macro& macro) const {
  const Arguments arguments = LEAT_TRY_SQL(arguments_of(call, macro));
  Node body = macro.body;
  put_at(body, position_of(call));
  replace_expressions(body, [&](const Node& node) -> std::optional<Node> {
    if (!is_class(node, "COLUMN_REF") || parts_of(node).size() != 1) return std::nullopt;
    const auto found = arguments.find(lower(parts_of(node)[0]));
    return found == arguments.end() ? std::nullopt : std::optional(found->second);
  });
  if (body.dump(-1, ' ', false, Node::error_handler_t::replace).size() > written_bytes_max) {
    return sql_fault("sql-syntax", position_of(call),
                     "written out, the macros of this query take more than {} KiB",
                     written_bytes_max >> 10);
  }
  return body;
}

/// Writes calls out from the inside, so that an argument is written out once.
Analysed<void> Macros::expand(Node& node, std::optional<std::size_t>& first) const {
  if (!node.is_structured()) return {};
  const bool in_from = node.is_object() && text_in(node, "type") == "TABLE_FUNCTION";
  if (in_from) {
    for (Node& argument : node.at("function").at("children")) {
      LEAT_TRY_SQL(expand(argument, first));
    }
    const Macro* macro = find(node.at("function"));
    if (macro == nullptr || !macro->table) return {};
    const Node call = node.at("function");
    if (!first) first = position_of(call);
    Node query = LEAT_TRY_SQL(body_of(call, *macro));
    const std::string alias = text_in(node, "alias");
    node = {{"type", "SUBQUERY"},
            {"alias", alias.empty() ? function_name(call) : alias},
            {"sample", node.at("sample")},
            {"query_location", position_of(call)},
            {"subquery", {{"node", std::move(query)}, {"named_param_map", Node::array()}}},
            {"column_name_alias", node.at("column_name_alias")}};
    return {};
  }
  for (Node& child : node) LEAT_TRY_SQL(expand(child, first));
  if (!node.is_object() || !is_class(node, "FUNCTION")) return {};
  const Macro* macro = find(node);
  if (macro == nullptr) return {};
  if (!first) first = position_of(node);
  if (macro->table) {
    return sql_fault("sql-syntax", position_of(node),
                     "the macro {0} gives a table: SELECT … FROM "
                     "{0}(…)",
                     function_name(node));
  }
  Node body = LEAT_TRY_SQL(body_of(node, *macro));
  body["alias"] = text_in(node, "alias");
  node = std::move(body);
  return {};
}

Analysed<std::optional<Macros::Written>> Macros::written_out(Parser& parser,
                                                             std::string_view sql) const {
  if (macros_.empty()) return std::nullopt;
  auto query = parser.parse(sql);
  if (!query) return std::nullopt;
  std::optional<std::size_t> first;
  LEAT_TRY_SQL(expand(*query, first));
  if (!first) return std::nullopt;
  return Written{LEAT_TRY_SQL(parser.to_sql(*query)), *first};
}

}  // namespace leat::sql
