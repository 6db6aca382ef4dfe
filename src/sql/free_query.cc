#include "sql/free_query.h"

#include <algorithm>
#include <array>
#include <set>

#include "sql/row_query.h"

namespace leat::sql {
namespace {

/// Table functions that only make rows out of their arguments.
constexpr std::array<std::string_view, 7> pure_table_functions = {
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"};

/// Functions that write or count something in the engine, or tell of the machine.
constexpr std::array<std::string_view, 8> forbidden_functions = {
    "write_log",   "nextval",       "currval", "format_pg_type",
    "format_type", "map_to_pg_oid", "getenv",  "getvariable"};
/// Functions that make long lists out of nothing, past DuckDB's memory limit.
constexpr std::array<std::string_view, 4> unbounded_functions = {"range", "generate_series",
                                                                 "list_resize", "array_resize"};

/// Functions that are macros and name an argument more than once: nested in each other they make
/// copies of copies, which DuckDB binds for hours and can't be told to stop.
struct Copying {
  std::string_view name;
  std::size_t copies;
};
constexpr std::array<Copying, 12> copying_functions = {{{"repeat", 2},
                                                        {"lpad", 2},
                                                        {"rpad", 2},
                                                        {"nullif", 2},
                                                        {"fmod", 2},
                                                        {"split_part", 2},
                                                        {"array_pop_back", 2},
                                                        {"map_contains_entry", 2},
                                                        {"weighted_avg", 2},
                                                        {"round_even", 3},
                                                        {"roundbankers", 3},
                                                        {"wavg", 2}}};
/// Of one expression at most.
constexpr std::size_t copies_max = 64;

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// A width of five digits or more, or one that is given as an argument.
bool has_wide_field(const Node& format) {
  const std::string text =
      is_class(format, "CONSTANT") ? text_in(format.at("value"), "value") : std::string("*");
  const auto nested = text.find('{');
  std::size_t digits = 0, digits_max = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    digits_max = std::max(digits_max, digits);
  }
  return digits_max >= 5 || text.find('*') != std::string::npos ||
         (nested != std::string::npos && text.find('{', nested + 1) < text.find('}', nested));
}

Analysed<void> refuse_call(const Node& call) {
  const std::string name = function_name(call);
  const std::size_t at = position_of(call);
  const std::string schema = lower(text_in(call, "schema"));
  if (!text_in(call, "catalog").empty() || (!schema.empty() && schema != "main")) {
    return sql_fault("not-allowed", at, "call {}() by its plain name", name);
  }
  if (is_one_of(forbidden_functions, name)) {
    return sql_fault("not-allowed", at, "{}() can't be used in a query", name);
  }
  if (is_one_of(unbounded_functions, name)) {
    return sql_fault("not-allowed", at,
                     "{0}() can make more than fits into memory: use it in FROM, as in SELECT … "
                     "FROM {0}(…)",
                     name == "generate_series" ? name : "range");
  }
  if ((name == "printf" || name == "format") &&
      (call.at("children").empty() || has_wide_field(call.at("children")[0]))) {
    return sql_fault("not-allowed", at,
                     "the format of {}() is a text constant with widths below 10000", name);
  }
  return {};
}

/// How often DuckDB writes out the innermost expression below this node.
Analysed<std::size_t> copies_below(const Node& node) {
  std::size_t most = 1;
  if (!node.is_structured()) return most;
  for (const Node& child : node) most = std::max(most, LEAT_TRY_SQL(copies_below(child)));
  if (!node.is_object() || !is_class(node, "FUNCTION")) return most;
  const std::string name = function_name(node);
  const auto known = std::ranges::find(copying_functions, name, &Copying::name);
  if (known == copying_functions.end()) return most;
  most *= known->copies;
  if (most > copies_max) {
    return sql_fault("not-allowed", position_of(node),
                     "{}() stands in too many calls of its like: give what is inside a name in "
                     "WITH, and go on from there",
                     name);
  }
  return most;
}

void collect_with_names(const Node& node, std::set<std::string>& names) {
  if (!node.is_structured()) return;
  if (node.is_object()) {
    if (const auto map = node.find("cte_map"); map != node.end() && map->is_object()) {
      for (const Node& entry : map->at("map")) names.insert(lower(text_in(entry, "key")));
    }
    if (const std::string name = text_in(node, "cte_name"); !name.empty()) {
      names.insert(lower(name));
    }
  }
  for (const Node& child : node) collect_with_names(child, names);
}

class RelationFinder {
 public:
  RelationFinder(const Node& query, const Catalog& catalog) : catalog_(catalog) {
    collect_with_names(query, with_names_);
  }

  Analysed<void> see(const Node& table) {
    const std::string type = text_in(table, "type");
    if (type == "BASE_TABLE") return see_name(table);
    if (type == "TABLE_FUNCTION") return see_function(table.at("function"));
    if (type == "SHOW_REF" && table.at("query").is_null() &&
        text_in(table, "table_name") != "\"tables\"") {
      return sql_fault("not-allowed", 0,
                       "queries read streams and views only: SHOW TABLES lists them");
    }
    return {};
  }

  std::vector<std::string> take() { return std::move(found_); }

 private:
  Analysed<void> see_name(const Node& table) {
    const std::string name = text_in(table, "table_name");
    const std::string schema = text_in(table, "schema_name");
    const std::size_t at = position_of(table);
    if (schema.empty() && with_names_.contains(lower(name))) return {};
    if (!text_in(table, "catalog_name").empty() || (!schema.empty() && lower(schema) != "main")) {
      return sql_fault("unknown-table", at,
                       "there is no \"{}.{}\": streams and views have plain names", schema, name);
    }
    LEAT_TRY_SQL(find_relation(catalog_, name, at));
    for (const auto& [known, relation] : catalog_) {
      if (lower(known) == lower(name) && std::ranges::find(found_, known) == found_.end()) {
        found_.push_back(known);
      }
    }
    return {};
  }

  static Analysed<void> see_function(const Node& function) {
    const std::string name = function_name(function);
    if (!is_one_of(pure_table_functions, name)) {
      return sql_fault("not-allowed", position_of(function),
                       "{}() can't be read from: queries read streams and views only", name);
    }
    return {};
  }

  const Catalog& catalog_;
  std::set<std::string> with_names_;
  std::vector<std::string> found_;
};

}  // namespace

Analysed<std::vector<std::string>> relations_read(const Node& query, const Catalog& catalog) {
  Analysed<void> allowed;
  std::set<const Node*> sources;  // calls in FROM, which see_function judges
  walk_tables(query, [&](const Node& table) {
    if (table.contains("function")) sources.insert(&table.at("function"));
  });
  walk(query, [&](const Node& node) {
    if (allowed && is_class(node, "PARAMETER")) {
      allowed = sql_fault("not-allowed", 0, "write the value in place of ? or $1");
    }
    if (allowed && is_class(node, "FUNCTION") && !sources.contains(&node)) {
      allowed = refuse_call(node);
    }
    return allowed.has_value();
  });
  LEAT_TRY_SQL(std::move(allowed));
  (void)LEAT_TRY_SQL(copies_below(query));
  RelationFinder finder(query, catalog);
  Analysed<void> seen;
  walk_tables(query, [&](const Node& table) {
    if (seen) seen = finder.see(table);
  });
  LEAT_TRY_SQL(std::move(seen));
  return finder.take();
}

Analysed<Analyser::FreeQuery> analyse_free_query(Binding& binding, std::string_view sql,
                                                 const Catalog& catalog) {
  std::vector<std::string> columns;
  for (const auto& [name, relation] : catalog) {
    for (const Column& column : relation.schema) columns.push_back(column.name);
  }
  const Node query = LEAT_TRY_SQL(binding.parse(sql, columns));
  Analyser::FreeQuery out;
  out.inputs = LEAT_TRY_SQL(relations_read(query, catalog));
  NamesInScope names{{}, out.inputs, binding.functions().names()};
  for (const std::string& input : out.inputs) {
    const Schema& schema = catalog.find(input)->second.schema;
    LEAT_TRY_SQL(binding.declare(input, schema));
    for (const Column& column : schema) names.columns.push_back(column.name);
  }
  out.output = LEAT_TRY_SQL(binding.bind(std::string(sql), {}, names));
  return out;
}

}  // namespace leat::sql
