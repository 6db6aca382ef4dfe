#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/query.h"

namespace leat::sql {

/// A table function that puts rows into windows of event time: what may stand after FROM in a
/// view's query. Both the analyser and the reference go by this table.
struct WindowFunction {
  /// An argument behind the input and its time column. All are intervals; the last is `offset`.
  struct Interval {
    std::string_view name;
    std::string_view example;  ///< what stands between the quotes of INTERVAL '…'
    std::string_view meaning;
    bool optional = false;
  };
  std::string_view name;
  Window::Kind kind;
  std::vector<Interval> intervals;
  std::string_view summary;
  std::string_view example;  ///< a view's query

  /// "hop(stream, time_column, INTERVAL '5 minutes', INTERVAL '1 hour')", without what is optional.
  std::string call() const;
  /// "hop(input, time_column, slide, size [, offset])"
  std::string signature() const;
};

std::span<const WindowFunction> window_functions();

/// The windows that one row may be in at most: a day that moves on by the minute.
inline constexpr std::int64_t windows_per_row_max = 1440;

}  // namespace leat::sql
