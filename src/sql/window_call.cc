#include "sql/window_call.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "sql/engine.h"
#include "sql/interval.h"
#include "sql/row_query.h"
#include "sql/window_function.h"

namespace leat::sql {
namespace {

/// A window this wide or wider is a slip of the pen.
constexpr std::int64_t width_us_max = 3660LL * 86400 * 1'000'000;

/// The intervals of a call, in the function's order; 0 for an offset that is not given.
using Intervals = std::array<std::int64_t, 3>;

/// An argument with the name that it is given by: `slide := INTERVAL '1 minute'`, or with => or =.
struct Argument {
  std::string name;  // empty: by its place
  const Node* value;
};

Argument argument_of(const Node& child) {
  if (text_in(child, "type") == "COMPARE_EQUAL" && is_class(child.at("left"), "COLUMN_REF")) {
    return {lower(parts_of(child.at("left")).back()), &child.at("right")};
  }
  return {lower(text_in(child, "alias")), &child};
}

/// The key of a session stands behind all else.
Node without_keys(const WindowFunction& function, const Node& call) {
  Node out = call;
  Node& arguments = out.at("children");
  const std::size_t most = 2 + function.intervals.size();
  if (function.kind == Window::Kind::session && arguments.size() > most) {
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(most), arguments.end());
  }
  return out;
}

class CallAnalysis {
 public:
  CallAnalysis(const WindowFunction& function, const Node& call, const Catalog& catalog)
      : function_(function),
        call_node_(without_keys(function, call)),
        arguments_(call_node_.at("children")),
        catalog_(catalog),
        at_(position_of(call)),
        usage_("write " + function.call()) {}

  Analysed<WindowCall> run(const Node& written) {
    if (arguments_.size() < 2) return sql_fault("sql-syntax", at_, "{}", usage_);
    call_.function = function_.name;
    call_.window.kind = function_.kind;
    LEAT_TRY_SQL(take_time_column());
    const Intervals intervals = LEAT_TRY_SQL(take_intervals());
    LEAT_TRY_SQL(place_windows(intervals));
    call_.source = source_sql();
    if (call_.window.kind == Window::Kind::hop) call_.pane_source = pane_sql();
    for (std::size_t i = arguments_.size(); i < written.at("children").size(); ++i) {
      const Node& key = written.at("children")[i];
      if (!is_class(key, "COLUMN_REF")) {
        return sql_fault("sql-syntax", position_of(key),
                         "the key of {}() is columns of its input: {}", function_.name, usage_);
      }
      call_.keys.push_back(key);
    }
    return std::move(call_);
  }

 private:
  Analysed<std::string> name_of(const Node& argument) const {
    if (!is_class(argument, "COLUMN_REF") || parts_of(argument).size() != 1) {
      return sql_fault("sql-syntax", position_of(argument), "{}", usage_);
    }
    return parts_of(argument)[0];
  }

  Analysed<void> take_time_column() {
    call_.input = LEAT_TRY_SQL(name_of(arguments_[0]));
    const Relation* relation =
        LEAT_TRY_SQL(find_relation(catalog_, call_.input, position_of(arguments_[0])));
    const std::size_t at = position_of(arguments_[1]);
    const std::string column = LEAT_TRY_SQL(name_of(arguments_[1]));
    const auto index = relation->schema.find(column);
    if (!index) {
      return sql_fault("unknown-column", at, "\"{}\" has no column \"{}\"{}", call_.input, column,
                       suggestion(column, relation->schema.names()));
    }
    time_ = &relation->schema[*index];
    if (time_->type.id() != DUCKDB_TYPE_TIMESTAMP && time_->type.id() != DUCKDB_TYPE_TIMESTAMP_TZ) {
      return sql_fault("type-mismatch", at,
                       "\"{}\" is {}, a window needs TIMESTAMP or TIMESTAMPTZ: cast it in the "
                       "stream's select",
                       column, time_->type.to_sql());
    }
    call_.window.time_column = *index;
    std::vector<Column> columns = relation->schema.columns();
    for (const char* added : {"window_start", "window_end"}) {
      if (relation->schema.find(added)) {
        return sql_fault("duplicate-column", at_,
                         "\"{}\" has a column {} already, which {} adds: rename it in the "
                         "stream's select",
                         call_.input, added, function_.name);
      }
      columns.push_back({added, time_->type});
    }
    call_.columns = Schema(std::move(columns));
    return {};
  }

  Analysed<Intervals> take_intervals() {
    Intervals taken{};
    std::array<bool, 3> given{};
    bool by_name = false;
    for (std::size_t i = 2; i < arguments_.size(); ++i) {
      const Argument argument = argument_of(arguments_[i]);
      const std::size_t at = position_of(*argument.value);
      by_name |= !argument.name.empty();
      if (by_name && argument.name.empty()) {
        return sql_fault("sql-syntax", at,
                         "an argument without a name stands before those with one");
      }
      const std::size_t place = by_name ? LEAT_TRY_SQL(place_of(argument.name, at)) : i - 2;
      if (place >= function_.intervals.size()) return sql_fault("sql-syntax", at, "{}", usage_);
      if (given[place]) {
        return sql_fault("sql-syntax", at, "{} is given twice", function_.intervals[place].name);
      }
      given[place] = true;
      taken[place] = LEAT_TRY_SQL(interval_of(function_.intervals[place], *argument.value));
    }
    for (std::size_t i = 0; i < function_.intervals.size(); ++i) {
      if (given[i] || function_.intervals[i].optional) continue;
      return sql_fault("sql-syntax", at_, "{}() needs its {}: {}", function_.name,
                       function_.intervals[i].name, usage_);
    }
    return taken;
  }

  Analysed<std::size_t> place_of(const std::string& name, std::size_t at) const {
    const auto found =
        std::ranges::find(function_.intervals, name, &WindowFunction::Interval::name);
    if (found != function_.intervals.end()) {
      return static_cast<std::size_t>(found - function_.intervals.begin());
    }
    std::vector<std::string> names;
    for (const auto& interval : function_.intervals) names.emplace_back(interval.name);
    return sql_fault("sql-syntax", at, "{} has no argument \"{}\"{}: {}", function_.signature(),
                     name, suggestion(name, names), usage_);
  }

  Analysed<std::int64_t> interval_of(const WindowFunction::Interval& interval,
                                     const Node& value) const {
    const std::int64_t us = LEAT_TRY_SQL(interval_us(value, usage_));
    const bool is_offset = interval.optional;
    if (us <= 0 && !is_offset) {
      return sql_fault("type-mismatch", position_of(value),
                       "the {} must be a positive interval: {}", interval.name, usage_);
    }
    if (us > width_us_max || us < -width_us_max) {
      return sql_fault("type-mismatch", position_of(value),
                       "the {} is longer than ten years: is the unit right?", interval.name);
    }
    return us;
  }

  /// From the intervals to windows: tumble(size, offset), hop(slide, size, offset), cumulate(step,
  /// size, offset).
  Analysed<void> place_windows(const Intervals& intervals) {
    Window& window = call_.window;
    const bool tumbles = window.kind == Window::Kind::tumble;
    const bool one_length = tumbles || window.kind == Window::Kind::session;
    window.slide_us = intervals[0];
    window.size_us = one_length ? intervals[0] : intervals[1];
    const std::int64_t period =
        window.kind == Window::Kind::cumulate ? window.size_us : window.slide_us;
    const std::int64_t given_offset = tumbles ? intervals[1] : intervals[2];
    window.offset_us = (given_offset % period + period) % period;
    if (tumbles || window.kind == Window::Kind::session) return {};
    const std::string_view step = function_.intervals[0].name;
    if (window.slide_us > window.size_us) {
      return sql_fault("type-mismatch", at_,
                       "the {0} ({1}) is longer than the window ({2}): the {0} stands before the "
                       "size, so write {3}, {4}",
                       step, interval_sql(window.slide_us), interval_sql(window.size_us),
                       interval_sql(window.size_us), interval_sql(window.slide_us));
    }
    if (const std::int64_t rest = window.size_us % window.slide_us; rest != 0) {
      return sql_fault("type-mismatch", at_,
                       "the size must be a multiple of the {} ({}): write {} or {} as the size",
                       step, interval_sql(window.slide_us), interval_sql(window.size_us - rest),
                       interval_sql(window.size_us - rest + window.slide_us));
    }
    if (window.windows_per_row_max() > windows_per_row_max) {
      return sql_fault("too-many-windows", at_,
                       "a row would be in {} windows, {} are the most: write a {} of {} or more",
                       window.windows_per_row_max(), windows_per_row_max, step,
                       interval_sql(least_slide(window.size_us)));
    }
    return {};
  }

  /// The shortest slide in whole seconds, where that is enough, that the size is a multiple of.
  static std::int64_t least_slide(std::int64_t size_us) {
    for (std::int64_t count = windows_per_row_max; count > 1; --count) {
      if (size_us % count == 0 && size_us / count % 1'000'000 == 0) return size_us / count;
    }
    return size_us;
  }

  std::string source_sql() const {
    switch (call_.window.kind) {
      case Window::Kind::tumble:
        return tumble_sql();
      case Window::Kind::hop:
        return hop_sql();
      case Window::Kind::cumulate:
        return cumulate_sql();
      case Window::Kind::session:
        break;  // found out by the operator, from rows that it keeps
    }
    return {};
  }

  /// Integer bucketing, rounded down for times before 1970 too; % takes the sign of its left side.
  std::string bucket_sql(std::int64_t period_us) const {
    const std::string us = time_us_sql();
    const std::int64_t offset = call_.window.offset_us;
    const std::string since = offset == 0 ? us : fmt::format("({} - {})", us, offset);
    return fmt::format("{0} - (({1} % {2}) + {2}) % {2}", us, since, period_us);
  }
  std::string time_us_sql() const { return fmt::format("epoch_us({})", quoted_name(time_->name)); }
  /// SQL of a time from SQL of its microseconds.
  std::string time_sql(const std::string& us) const {
    return fmt::format(
        "{}({})",
        time_->type.id() == DUCKDB_TYPE_TIMESTAMP_TZ ? "make_timestamptz" : "make_timestamp", us);
  }

  std::string tumble_sql() const { return newest_sql(call_.window.size_us); }
  std::string pane_sql() const { return newest_sql(call_.window.slide_us); }

  /// A row for the last window that begins at or before the row's time, where one begins each
  /// `period_us`.
  std::string newest_sql(std::int64_t period_us) const {
    const std::string start = bucket_sql(period_us);
    return fmt::format("SELECT *, {} AS window_start, {} AS window_end FROM {}()", time_sql(start),
                       time_sql(fmt::format("{} + {}", start, call_.window.size_us)),
                       input_function);
  }

  /// A row for each start of a window, from the last back. A row without a time has one window,
  /// without bounds, as it has in tumble. How far back is a constant list, which costs nothing to
  /// make.
  std::string hop_sql() const {
    const Window& window = call_.window;
    const std::string steps = fmt::format("range(0, {}, {})", window.size_us, window.slide_us);
    const std::string inner = each_sql(bucket_sql(window.slide_us), steps);
    return fmt::format("SELECT *, {} AS window_start, {} AS window_end FROM ({})",
                       time_sql("__leat_first - __leat_step"),
                       time_sql(fmt::format("__leat_first - __leat_step + {}", window.size_us)),
                       inner);
  }

  /// A row for each end of a window, from the first on.
  std::string cumulate_sql() const {
    const Window& window = call_.window;
    const std::string start = bucket_sql(window.size_us);
    const std::string ends =
        fmt::format("range({0} - ({0} - ({1})) % {2} + {2}, {1} + {3} + 1, {2})", time_us_sql(),
                    start, window.slide_us, window.size_us);
    return fmt::format("SELECT *, {} AS window_start, {} AS window_end FROM ({})",
                       time_sql("__leat_first"), time_sql("__leat_step"), each_sql(start, ends));
  }

  /// The input with `first` as __leat_first, and a row for each value of `steps` as __leat_step.
  std::string each_sql(const std::string& first, const std::string& steps) const {
    return fmt::format(
        "SELECT *, {} AS __leat_first, unnest(CASE WHEN {} IS NOT NULL THEN {} ELSE [NULL::BIGINT] "
        "END) AS __leat_step FROM {}()",
        first, quoted_name(time_->name), steps, input_function);
  }

  const WindowFunction& function_;
  const Node call_node_;
  const Node& arguments_;
  const Catalog& catalog_;
  const std::size_t at_;
  const std::string usage_;
  const Column* time_ = nullptr;
  WindowCall call_;
};

/// Where the quoted text or comment that begins at `at` ends; `at` itself when none begins there.
std::size_t skip_quoted(std::string_view sql, std::size_t at) {
  const char c = sql[at];
  if (c == '\'' || c == '"') {
    const auto end = sql.find(c, at + 1);
    return end == std::string_view::npos ? sql.size() - 1 : end;
  }
  if (sql.substr(at, 2) == "--") {
    const auto end = sql.find('\n', at);
    return end == std::string_view::npos ? sql.size() - 1 : end;
  }
  if (sql.substr(at, 2) == "/*") {
    const auto end = sql.find("*/", at + 2);
    return end == std::string_view::npos ? sql.size() - 1 : end + 1;
  }
  return at;
}

}  // namespace

Analysed<WindowCall> analyse_window_call(const Node& from, const Catalog& catalog) {
  const Node& call = from.at("function");
  const std::string name = function_name(call);
  const auto functions = window_functions();
  const auto function = std::ranges::find(functions, name, &WindowFunction::name);
  if (function == functions.end()) {
    std::vector<std::string> names;
    for (const WindowFunction& known : functions) names.emplace_back(known.name);
    return sql_fault("not-incremental", position_of(call),
                     "a view reads one stream or view, or {}(…) of one: not {}(…){}",
                     fmt::join(names, "(…), "), name, suggestion(name, names));
  }
  return CallAnalysis(*function, call, catalog).run(call);
}

std::string with_call_replaced(std::string sql, std::size_t position, std::string_view name) {
  std::size_t end = sql.find('(', position);
  int depth = 0;
  for (; end < sql.size(); ++end) {
    end = skip_quoted(sql, end);
    if (sql[end] == '(') ++depth;
    if (sql[end] == ')' && --depth == 0) break;
  }
  for (std::size_t i = position; i < sql.size() && i <= end; ++i) {
    if (sql[i] != '\n') sql[i] = ' ';
  }
  sql.replace(position, name.size(), name);
  return sql;
}

}  // namespace leat::sql
