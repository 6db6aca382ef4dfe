#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// A call of a window function after FROM, taken apart.
struct WindowCall {
  std::string function;  ///< its name, which is the relation's where the query gives no other
  std::string input;
  Window window;
  Schema columns;          ///< the input's, then window_start and window_end
  std::vector<Node> keys;  ///< of sessions: the columns that have sessions of their own
  std::string source;  ///< SQL over __leat_input() that yields them and the added columns, a row
                       ///< for each window of an input row
  std::string pane_source;  ///< of hop: the same with one row for each input row, in the newest of
                            ///< its windows; else empty
};

/// From a TABLE_FUNCTION table reference; the fault points into the user's SQL.
Analysed<WindowCall> analyse_window_call(const Node& from, const Catalog& catalog);

/// The SQL with the call at `position`, up to its closing parenthesis, replaced by `name` and
/// blanks, so that all other positions stay.
std::string with_call_replaced(std::string sql, std::size_t position, std::string_view name);

}  // namespace leat::sql
