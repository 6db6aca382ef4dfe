#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// `FROM tumble(input, time_column, INTERVAL 'n unit')`, taken apart.
struct TumbleCall {
  std::string input;
  Tumble window;
  Schema columns;      ///< the input's, then window_start and window_end
  std::string source;  ///< SQL over __leat_input() that yields them and the added columns
};

/// From a TABLE_FUNCTION table reference; the fault points into the user's SQL.
Analysed<TumbleCall> analyse_tumble(const Node& from, const Catalog& catalog);

/// The SQL with the call at `position`, up to its closing parenthesis, replaced by `name` and
/// blanks, so that all other positions stay.
std::string with_call_replaced(std::string sql, std::size_t position, std::string_view name);

}  // namespace leat::sql
