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

/// Functions that write or count something in the engine.
constexpr std::array<std::string_view, 5> forbidden_functions = {"write_log", "nextval", "currval",
                                                                 "getenv", "getvariable"};

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
    if (std::ranges::find(pure_table_functions, name) == pure_table_functions.end()) {
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
  walk(query, [&](const Node& node) {
    if (!allowed) return false;
    if (is_class(node, "PARAMETER")) {
      allowed = sql_fault("not-allowed", 0, "write the value in place of ? or $1");
    } else if (is_class(node, "FUNCTION") &&
               std::ranges::find(forbidden_functions, function_name(node)) !=
                   forbidden_functions.end()) {
      allowed = sql_fault("not-allowed", position_of(node), "{}() can't be used in a query",
                          function_name(node));
    }
    return allowed.has_value();
  });
  LEAT_TRY_SQL(std::move(allowed));
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
