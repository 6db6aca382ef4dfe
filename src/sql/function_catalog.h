#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "sql/handles.h"

namespace leat::sql {

/// What DuckDB's functions are like, by name in lower case.
class FunctionCatalog {
 public:
  static Result<FunctionCatalog> load(duckdb_connection connection);

  bool is_aggregate(std::string_view name) const;
  /// Another value at another time or place: random(), now(), uuid(), …
  bool is_volatile(std::string_view name) const;
  /// A word that SQL takes for a function call though it looks like a column: current_date, …
  static bool is_time_word(std::string_view name);
  /// A macro over aggregates: an aggregate to the user, none to the syntax tree.
  bool is_aggregate_macro(std::string_view name) const;

  /// All that a user may call, for suggestions.
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Nature {
    bool aggregate = false;
    bool changes = false;
    bool aggregate_macro = false;
  };
  const Nature* find(std::string_view name) const;

  std::unordered_map<std::string, Nature> functions_;
  std::vector<std::string> names_;
};

}  // namespace leat::sql
