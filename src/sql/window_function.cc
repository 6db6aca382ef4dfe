#include "sql/window_function.h"

namespace leat::sql {
namespace {

constexpr WindowFunction::Interval offset = {
    "offset", "6 hours",
    "Windows begin this much later than at 1970-01-01T00:00:00Z and whole steps from there. May be "
    "negative.",
    true};

const std::vector<WindowFunction>& functions() {
  static const std::vector<WindowFunction> all = {
      {"tumble",
       Window::Kind::tumble,
       {{"size", "1 hour", "The length of each window."}, offset},
       "Windows of one length, one after the other: each row is in one.",
       "SELECT window_start, country, count(*) AS orders\n"
       "FROM tumble(orders, ordered_at, INTERVAL '1 hour') GROUP BY window_start, country\n"},
      {"hop",
       Window::Kind::hop,
       {{"slide", "5 minutes", "From the start of a window to the start of the next."},
        {"size", "1 hour", "The length of each window: a multiple of the slide."},
        offset},
       "Windows of one length that overlap: a row is in size / slide of them.",
       "SELECT window_end, count(*) AS orders_of_an_hour\n"
       "FROM hop(orders, ordered_at, INTERVAL '5 minutes', INTERVAL '1 hour') GROUP BY "
       "window_end\n"},
      {"cumulate",
       Window::Kind::cumulate,
       {{"step", "1 hour", "By how much each window is longer than the one before."},
        {"size", "1 day", "The length of the longest window: a multiple of the step."},
        offset},
       "Windows that begin together and grow by a step up to their size, when the next begin: a "
       "row "
       "is in those that end after it. They are told apart by `window_end`.",
       "SELECT window_start, window_end, count(*) AS orders_so_far\n"
       "FROM cumulate(orders, ordered_at, INTERVAL '1 hour', INTERVAL '1 day')\n"
       "GROUP BY window_start, window_end\n"},
      {"session",
       Window::Kind::session,
       {{"gap", "30 minutes",
         "A row that comes this long after the one before it, or later, begins the next session. "
         "The "
         "columns behind it, as many as you like, are the key: each of their values has sessions "
         "of "
         "its own. Without any, all rows have the same sessions."}},
       "Windows that last as long as rows follow each other closely. `window_start` is the time of "
       "a session's first row, `window_end` that of its last row and the gap. A row between two "
       "sessions makes them one. A row whose time lies behind the watermark is late, for its "
       "session may have closed. A query over sessions that groups, groups by the key and "
       "`window_start` or `window_end`, and may have any aggregate; with `emit: on_close` a "
       "session "
       "is given out once, when the watermark has passed its end, and its rows are forgotten. With "
       "`late: update` they stay for `allowed_lateness`: a row that comes until then changes the "
       "session that was given out, and takes it back where it is not over any more.",
       "SELECT country, window_start, window_end, count(*) AS orders\n"
       "FROM session(orders, ordered_at, INTERVAL '30 minutes', country)\n"
       "GROUP BY country, window_start, window_end\n"}};
  return all;
}

}  // namespace

std::string WindowFunction::call() const {
  std::string text = std::string(name) + "(stream, time_column";
  for (const Interval& interval : intervals) {
    if (!interval.optional) text += ", INTERVAL '" + std::string(interval.example) + "'";
  }
  return text + ")";
}

std::string WindowFunction::signature() const {
  std::string text = std::string(name) + "(input, time_column";
  for (const Interval& interval : intervals) {
    text += (interval.optional ? " [, " : ", ") + std::string(interval.name);
    if (interval.optional) text += "]";
  }
  return text + ")";
}

std::span<const WindowFunction> window_functions() { return functions(); }

}  // namespace leat::sql
