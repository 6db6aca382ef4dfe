#include "sql/interval.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

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

/// The text of the interval: INTERVAL '1 hour', INTERVAL 1 HOUR (a function of a number), or
/// '1 hour'.
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

}  // namespace

Analysed<std::int64_t> interval_us(const Node& argument, std::string_view usage) {
  const std::string text = interval_text(argument);
  const std::string folded = lower(text);
  for (const char* calendar : {"month", "mon", "year", "quarter", "decade", "centur"}) {
    if (folded.find(calendar) != std::string::npos) {
      return sql_fault("not-incremental", position_of(argument),
                       "months and years differ in length: write days (INTERVAL '30 days'), or "
                       "group by date_trunc('month', …) without a window");
    }
  }
  const auto us = microseconds_of(text);
  if (!us) {
    return sql_fault("type-mismatch", position_of(argument), "this is no interval: {}", usage);
  }
  return *us;
}

std::string interval_sql(std::int64_t us) {
  for (const char* name : {"day", "hour", "minute", "second", "millisecond"}) {
    const std::int64_t unit = std::ranges::find(units, std::string_view(name), &Unit::name)->us;
    if (us == 0 || us % unit != 0) continue;
    return fmt::format("INTERVAL '{} {}{}'", us / unit, name, us == unit ? "" : "s");
  }
  return fmt::format("INTERVAL '{} microseconds'", us);
}

}  // namespace leat::sql
