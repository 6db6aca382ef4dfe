#include "sql/function_catalog.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "model/chunk.h"
#include "sql/engine_fault.h"
#include "sql/syntax.h"

namespace leat::sql {
namespace {

constexpr const char* functions_query =
    "SELECT lower(function_name), bool_or(function_type = 'aggregate'), "
    "bool_or(coalesce(stability, 'CONSISTENT') <> 'CONSISTENT'), "
    "coalesce(string_agg(macro_definition, ' '), '') FROM duckdb_functions() "
    "WHERE function_type IN ('scalar', 'aggregate', 'macro') GROUP BY 1 ORDER BY 1";

/// Whether a macro's text calls one of these functions: `name(`, not as the end of another name.
bool calls(const std::string& text, const std::string& name) {
  for (auto at = text.find(name + "("); at != std::string::npos;
       at = text.find(name + "(", at + 1)) {
    if (at == 0 ||
        (std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0 && text[at - 1] != '_')) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<FunctionCatalog> FunctionCatalog::load(duckdb_connection connection) {
  ResultHandle result;
  if (duckdb_query(connection, functions_query, result.get()) != DuckDBSuccess) {
    return internal_error("sql-engine", "{}",
                          engine_fault(duckdb_result_error(result.get())).message);
  }
  FunctionCatalog catalog;
  std::vector<std::string> aggregates;
  std::vector<std::pair<std::string, std::string>> macros;
  while (duckdb_data_chunk handle = duckdb_fetch_chunk(*result.get())) {
    const Chunk chunk = Chunk::adopt(handle);
    const auto* names = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
    const auto* aggregate = static_cast<bool*>(duckdb_vector_get_data(chunk.vector(1)));
    const auto* changes = static_cast<bool*>(duckdb_vector_get_data(chunk.vector(2)));
    const auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(3)));
    for (std::size_t row = 0; row < chunk.size(); ++row) {
      std::string name(text_of(names[row]));
      catalog.functions_[name] = {aggregate[row], changes[row], false};
      if (aggregate[row]) aggregates.push_back(name);
      if (const auto text = text_of(texts[row]); !text.empty()) macros.emplace_back(name, text);
      if (std::isalpha(static_cast<unsigned char>(name[0])) != 0) catalog.names_.push_back(name);
    }
  }
  // A macro over a macro over an aggregate is one too: go on until nothing is found.
  for (bool found = true; found;) {
    found = false;
    for (const auto& [name, text] : macros) {
      Nature& nature = catalog.functions_[name];
      const auto called = [&](const std::string& aggregate) { return calls(text, aggregate); };
      if (nature.aggregate_macro || std::ranges::none_of(aggregates, called)) continue;
      nature.aggregate_macro = found = true;
      aggregates.push_back(name);
    }
  }
  return catalog;
}

const FunctionCatalog::Nature* FunctionCatalog::find(std::string_view name) const {
  const auto found = functions_.find(lower(name));
  return found == functions_.end() ? nullptr : &found->second;
}

bool FunctionCatalog::is_aggregate(std::string_view name) const {
  const Nature* nature = find(name);
  return nature != nullptr && nature->aggregate;
}

bool FunctionCatalog::is_volatile(std::string_view name) const {
  const Nature* nature = find(name);
  // error() is marked volatile only so that it is not folded away.
  return nature != nullptr && nature->changes && lower(name) != "error";
}

bool FunctionCatalog::is_aggregate_macro(std::string_view name) const {
  const Nature* nature = find(name);
  return nature != nullptr && nature->aggregate_macro;
}

bool FunctionCatalog::is_time_word(std::string_view name) {
  static constexpr std::array<std::string_view, 10> words = {
      "current_date", "current_time", "current_timestamp", "localtime",       "localtimestamp",
      "current_user", "session_user", "current_role",      "current_catalog", "current_schema"};
  return std::ranges::find(words, lower(name)) != words.end();
}

}  // namespace leat::sql
