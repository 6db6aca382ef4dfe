#pragma once

#include <fmt/format.h>

#include "sql/analyse.h"
#include "sql/engine_fault.h"

namespace leat::sql {

template <class... Args>
std::unexpected<SqlFault> sql_fault(std::string_view code, std::size_t position,
                                    fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(
      SqlFault{std::string(code), fmt::format(text, std::forward<Args>(args)...), position});
}

/// The names that a fault's "did you mean" chooses from.
struct NamesInScope {
  std::vector<std::string> columns;
  std::vector<std::string> tables;
  std::vector<std::string> functions;
};

/// What DuckDB said, in Leat's words. `shift`: bytes that were put before the user's SQL.
SqlFault fault_of(const EngineFault& fault, const NamesInScope& names, std::size_t shift,
                  std::size_t sql_bytes);

/// A syntax fault right behind a column's name: the name may be one of SQL's own words, such as
/// `at`.
SqlFault with_reserved_word_hint(SqlFault fault, std::string_view sql,
                                 const std::vector<std::string>& columns);

/// `; did you mean "x"?` or nothing.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace leat::sql

/// The value of an Analysed, or return its fault from the enclosing function.
#define LEAT_TRY_SQL(expression)                                              \
  ({                                                                          \
    auto leat_result = (expression);                                          \
    if (!leat_result) return std::unexpected(std::move(leat_result).error()); \
    ::leat::sql::leat_value_of(std::move(leat_result));                       \
  })

namespace leat::sql {
template <class T>
T leat_value_of(Analysed<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
}  // namespace leat::sql
