#include "sql/tumble.h"

#include <array>
#include <charconv>
#include <optional>

#include "sql/engine.h"
#include "sql/row_query.h"

namespace leat::sql {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t us;
};
constexpr std::int64_t second_us = 1'000'000;
constexpr std::array<Unit, 14> units = {{{"us", 1},
                                         {"microsecond", 1},
                                         {"ms", 1'000},
                                         {"millisecond", 1'000},
                                         {"s", second_us},
                                         {"sec", second_us},
                                         {"second", second_us},
                                         {"m", 60 * second_us},
                                         {"min", 60 * second_us},
                                         {"minute", 60 * second_us},
                                         {"h", 3600 * second_us},
                                         {"hour", 3600 * second_us},
                                         {"day", 86400 * second_us},
                                         {"week", 7 * 86400 * second_us}}};
/// A window this wide or wider is a slip of the pen.
constexpr std::int64_t width_us_max = 3660LL * 86400 * second_us;

constexpr std::string_view usage = "write tumble(stream, time_column, INTERVAL '1 hour')";

/// One "5 minutes" after the other, added up; nothing when the text is not that.
std::optional<std::int64_t> microseconds_of(std::string_view text) {
  std::int64_t total = 0;
  bool any = false;
  while (true) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::string name = lower(text.substr(0, text.find(' ')));
    text.remove_prefix(name.size());
    if (name.size() > 2 && name.ends_with('s')) name.pop_back();
    const auto unit = std::ranges::find(units, name, &Unit::name);
    std::int64_t part = 0;
    if (unit == units.end() || __builtin_mul_overflow(number, unit->us, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    any = true;
  }
  return any ? std::optional(total) : std::nullopt;
}

/// The text of the interval argument: INTERVAL '1 hour', INTERVAL 1 HOUR (a function of a number),
/// or '1 hour'.
std::string interval_text(const Node& argument) {
  if (is_class(argument, "CAST") && text_in(argument.at("cast_type"), "id") == "INTERVAL") {
    return interval_text(argument.at("child"));
  }
  if (is_class(argument, "CONSTANT")) {
    const Node& value = argument.at("value");
    if (const auto found = value.find("value"); found != value.end()) {
      if (found->is_string()) return found->get<std::string>();
      if (found->is_number_integer()) return found->dump();
    }
    return {};
  }
  // INTERVAL 5 MINUTE is to_minutes(CAST(trunc(CAST(5 AS DOUBLE)) AS BIGINT)).
  if (is_class(argument, "FUNCTION") && argument.at("children").size() == 1) {
    const std::string name = function_name(argument);
    const std::string inner = interval_text(argument.at("children")[0]);
    if (name == "trunc") return inner;
    if (name.starts_with("to_")) return inner + " " + name.substr(3);
  }
  if (is_class(argument, "CAST")) return interval_text(argument.at("child"));
  return {};
}

Analysed<std::int64_t> width_of(const Node& argument) {
  const std::string text = interval_text(argument);
  const std::size_t at = position_of(argument);
  const std::string folded = lower(text);
  for (const char* calendar : {"month", "mon", "year", "quarter", "decade", "centur"}) {
    if (folded.find(calendar) != std::string::npos) {
      return sql_fault("not-incremental", at,
                       "months and years differ in length: write days (INTERVAL '30 days'), or "
                       "group by date_trunc('month', …) without tumble");
    }
  }
  const auto width = microseconds_of(text);
  if (!width || *width <= 0) {
    return sql_fault("type-mismatch", at, "the window's width must be a positive interval: {}",
                     usage);
  }
  if (*width > width_us_max) {
    return sql_fault("type-mismatch", at, "the window is wider than ten years: is the unit right?");
  }
  return *width;
}

Analysed<std::string> name_of(const Node& argument) {
  if (!is_class(argument, "COLUMN_REF") || parts_of(argument).size() != 1) {
    return sql_fault("sql-syntax", position_of(argument), "{}", usage);
  }
  return parts_of(argument)[0];
}

/// Integer bucketing, rounded down for times before 1970 too; % takes the sign of its left side.
std::string source_sql(const Column& time, std::int64_t width_us) {
  const std::string us = fmt::format("epoch_us({})", quoted_name(time.name));
  const std::string start = fmt::format("{0} - (({0} % {1}) + {1}) % {1}", us, width_us);
  const char* make =
      time.type.id() == DUCKDB_TYPE_TIMESTAMP_TZ ? "make_timestamptz" : "make_timestamp";
  return fmt::format("SELECT *, {0}({1}) AS window_start, {0}({1} + {2}) AS window_end FROM {3}()",
                     make, start, width_us, input_function);
}

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

Analysed<TumbleCall> analyse_tumble(const Node& from, const Catalog& catalog) {
  const Node& function = from.at("function");
  const Node& arguments = function.at("children");
  const std::string name = function_name(function);
  const std::size_t at = position_of(function);
  if (name != "tumble") {
    return sql_fault("not-incremental", at,
                     "a view reads one stream or view, or tumble(…) of one: not {}(…){}", name,
                     suggestion(name, {"tumble"}));
  }
  if (arguments.size() != 3) return sql_fault("sql-syntax", at, "{}", usage);
  TumbleCall call;
  call.input = LEAT_TRY_SQL(name_of(arguments[0]));
  const Relation* relation =
      LEAT_TRY_SQL(find_relation(catalog, call.input, position_of(arguments[0])));
  const std::string column = LEAT_TRY_SQL(name_of(arguments[1]));
  const auto index = relation->schema.find(column);
  if (!index) {
    return sql_fault("unknown-column", position_of(arguments[1]), "\"{}\" has no column \"{}\"{}",
                     call.input, column, suggestion(column, relation->schema.names()));
  }
  const Column& time = relation->schema[*index];
  if (time.type.id() != DUCKDB_TYPE_TIMESTAMP && time.type.id() != DUCKDB_TYPE_TIMESTAMP_TZ) {
    return sql_fault("type-mismatch", position_of(arguments[1]),
                     "\"{}\" is {}, a window needs TIMESTAMP or TIMESTAMPTZ: cast it in the "
                     "stream's select",
                     column, time.type.to_sql());
  }
  call.window.time_column = *index;
  call.window.width_us = LEAT_TRY_SQL(width_of(arguments[2]));
  std::vector<Column> columns = relation->schema.columns();
  for (const char* added : {"window_start", "window_end"}) {
    if (relation->schema.find(added)) {
      return sql_fault("duplicate-column", at,
                       "\"{}\" has a column {} already, which tumble adds: rename it in the "
                       "stream's select",
                       call.input, added);
    }
    columns.push_back({added, time.type});
  }
  call.columns = Schema(std::move(columns));
  call.source = source_sql(time, call.window.width_us);
  return call;
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
