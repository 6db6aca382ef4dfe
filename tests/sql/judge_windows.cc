#include "judge_windows.h"

#include <array>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace leat::proof {
namespace {

struct Call {
  std::size_t begin = 0, end = 0;  // in the SQL
  std::string function;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> named;

  /// An argument by place or by name.
  std::string argument(std::size_t place, const std::string& name,
                       const std::string& otherwise = "") const {
    if (place < arguments.size()) return arguments[place];
    const auto found = named.find(name);
    return found == named.end() ? otherwise : found->second;
  }
};

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \n") - begin + 1));
}

void add_argument(std::string_view text, Call& call) {
  const auto sign = text.find(":=");
  if (sign == std::string_view::npos) {
    call.arguments.push_back(trimmed(text));
    return;
  }
  std::string name = trimmed(text.substr(0, sign));
  std::erase(name, '"');
  call.named[name] = trimmed(text.substr(sign + 2));
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// The next call from `from` on; with an empty function: there is none.
Call find_call(const std::string& sql, std::size_t from) {
  Call call;
  for (const char* name : {"tumble", "hop", "cumulate", "session"}) {
    const std::string wanted = std::string(name) + "(";
    auto at = sql.find(wanted, from);
    while (at != std::string::npos && at > 0 && is_word(sql[at - 1])) at = sql.find(wanted, at + 1);
    if (at == std::string::npos || (!call.function.empty() && at > call.begin)) continue;
    call.begin = at;
    call.function = name;
  }
  if (call.function.empty()) return call;
  int depth = 0;
  bool quoted = false;
  std::size_t begin = call.begin + call.function.size() + 1;
  for (std::size_t i = begin; i < sql.size(); ++i) {
    if (sql[i] == '\'') quoted = !quoted;
    if (quoted) continue;
    if (sql[i] == '(') ++depth;
    if (depth == 0 && (sql[i] == ',' || sql[i] == ')')) {
      add_argument(std::string_view(sql).substr(begin, i - begin), call);
      begin = i + 1;
      if (sql[i] == ')') {
        call.end = i + 1;
        break;
      }
    }
    if (sql[i] == ')') --depth;
  }
  return call;
}

/// A row that comes less than the gap after the one before is in its session. One without a time is
/// in none.
std::string sessions_of(const Call& call) {
  const std::string input = call.argument(0, "input"), time = call.argument(1, "time");
  const std::string gap = call.argument(2, "gap");
  std::string keys;
  for (std::size_t i = 3; i < call.arguments.size(); ++i) keys += call.arguments[i] + ", ";
  const std::string partition =
      keys.empty() ? "" : "PARTITION BY " + keys.substr(0, keys.size() - 2);
  return fmt::format(
      "(SELECT * EXCLUDE (__first, __number), min({0}) OVER (PARTITION BY {3}__number) AS "
      "window_start, max({0}) OVER (PARTITION BY {3}__number) + {1} AS window_end FROM (SELECT *, "
      "sum(__first) OVER ({2} ORDER BY {0} ROWS UNBOUNDED PRECEDING) AS __number FROM (SELECT *, "
      "CASE WHEN {0} < lag({0}) OVER ({2} ORDER BY {0}) + {1} THEN 0 ELSE 1 END AS __first FROM "
      "{4} WHERE {0} IS NOT NULL)))",
      time, gap, partition, keys, input);
}

std::string written_out(const Call& call) {
  if (call.function == "session") return sessions_of(call);
  const std::string input = call.argument(0, "input"), time = call.argument(1, "time");
  const bool tumbles = call.function == "tumble";
  const std::string size = call.argument(tumbles ? 2 : 3, "size");
  const std::string step =
      tumbles ? size : call.argument(2, call.function == "hop" ? "slide" : "step");
  const std::string origin =
      fmt::format("(TIMESTAMP '1970-01-01' + {})",
                  call.argument(tumbles ? 3 : 4, "offset", "INTERVAL '0 seconds'"));
  const auto bucket = [&](const std::string& width, const std::string& at) {
    return fmt::format("time_bucket({}, {}, {})", width, at, origin);
  };
  // A row without a time is in a window without bounds.
  const std::string bounds = [&] {
    if (call.function == "cumulate") {
      const std::string start = bucket(size, time);
      return fmt::format(
          "list_transform(generate_series({0} + {1}, {0} + {2}, {1}), lambda e: "
          "{{'s': {0}, 'e': e}})",
          start, step, size);
    }
    return fmt::format(
        "list_transform(generate_series({0} - ({1}) + ({2}), {0}, {2}), lambda s: "
        "{{'s': s, 'e': s + ({1})}})",
        bucket(step, time), size, step);
  }();
  return fmt::format(
      "(SELECT * EXCLUDE (__window), __window.s AS window_start, __window.e AS window_end FROM "
      "(SELECT *, unnest(coalesce({0}, [{{'s': NULL::TIMESTAMP, 'e': NULL::TIMESTAMP}}])) AS "
      "__window FROM {1}) WHERE __window.s IS NULL OR ({2} >= __window.s AND {2} < __window.e))",
      bounds, input, time);
}

}  // namespace

std::string with_windows_written_out(const std::string& sql) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const Call call = find_call(sql, at);
    if (call.function.empty() || call.end == 0) break;
    out += sql.substr(at, call.begin - at) + written_out(call);
    at = call.end;
  }
  return out + sql.substr(at);
}

}  // namespace leat::proof
