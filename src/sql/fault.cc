#include "sql/fault.h"

#include <cctype>

#include "model/nearest_name.h"
#include "sql/syntax.h"

namespace leat::sql {
namespace {

/// Overloads named in a message at most.
constexpr std::size_t overloads_max = 4;

/// The n-th text in double quotes, from 0.
std::string quoted_in(const std::string& text, std::size_t n) {
  std::size_t at = 0;
  for (std::size_t i = 0; i <= n; ++i) {
    const auto open = text.find('"', at);
    const auto close = open == std::string::npos ? open : text.find('"', open + 1);
    if (close == std::string::npos) return {};
    if (i == n) return text.substr(open + 1, close - open - 1);
    at = close + 1;
  }
  return {};
}

SqlFault no_overload(const EngineFault& fault) {
  if (fault.name == "count" && fault.call.find(", ") != std::string::npos) {
    return {"type-mismatch",
            "count takes one argument: count several columns together as count(DISTINCT {'a': a, "
            "'b': b})",
            0};
  }
  std::string there_is;
  std::size_t named = 0;
  for (const std::string& candidate : fault.candidates) {
    if (named == overloads_max) {
      there_is += ", …";
      break;
    }
    there_is += (named++ == 0 ? "" : ", ") + candidate.substr(0, candidate.find(" -> "));
  }
  return {"type-mismatch",
          fmt::format("{} does not exist; there is {}: cast the argument, as in x::DOUBLE",
                      fault.call, there_is),
          0};
}

SqlFault missing_entry(const EngineFault& fault, const NamesInScope& names) {
  if (fault.entry_type.starts_with("Table") && !fault.entry_type.ends_with("Function")) {
    return {"unknown-table",
            fmt::format("there is no stream or view \"{}\"{}", fault.name,
                        suggestion(fault.name, names.tables)),
            0};
  }
  if (fault.entry_type == "Type") {
    return {"unknown-type", fmt::format("there is no type \"{}\"", fault.name), 0};
  }
  return {"unknown-function",
          fmt::format("there is no function \"{}\"{}", fault.name,
                      suggestion(fault.name, names.functions)),
          0};
}

SqlFault unknown_column(const std::string& name, const NamesInScope& names) {
  std::string known = suggestion(name, names.columns);
  if (known.empty() && !names.columns.empty() && names.columns.size() <= 20) {
    known = fmt::format("; there is {}", fmt::join(names.columns, ", "));
  }
  return {"unknown-column", fmt::format("there is no column \"{}\"{}", name, known), 0};
}

SqlFault translated(const EngineFault& fault, const NamesInScope& names) {
  const std::string& message = fault.message;
  const auto says = [&](std::string_view text) { return message.find(text) != std::string::npos; };
  if (fault.type == "Parser") return {"sql-syntax", message, 0};
  if (fault.subtype == "MISSING_ENTRY") return missing_entry(fault, names);
  if (fault.subtype == "NO_MATCHING_FUNCTION") return no_overload(fault);
  if (fault.subtype == "COLUMN_NOT_FOUND") return unknown_column(fault.name, names);
  if (says("does not have a column named")) return unknown_column(quoted_in(message, 1), names);
  if (says("EXCLUDE list not found") || says("REPLACE list not found")) {
    return unknown_column(quoted_in(message, 0), names);
  }
  if (message.starts_with("Referenced table")) {
    const std::string name = quoted_in(message, 0);
    return {"unknown-table",
            fmt::format("the query reads nothing called \"{}\"{}", name,
                        suggestion(name, names.tables)),
            0};
  }
  if (says("must appear in the GROUP BY clause")) {
    const std::string name = quoted_in(message, 0);
    return {"not-grouped",
            fmt::format("column \"{0}\" is neither grouped nor aggregated: add it to GROUP BY, or "
                        "write first(\"{0}\")",
                        name),
            0};
  }
  if (fault.is_of_a_row() || says("of type") || says("cast")) return {"type-mismatch", message, 0};
  return {"sql-invalid", message, 0};
}

}  // namespace

SqlFault with_reserved_word_hint(SqlFault fault, std::string_view sql,
                                 const std::vector<std::string>& columns) {
  if (fault.code != "sql-syntax") return fault;
  auto end = std::min(fault.position, sql.size());
  while (end > 0 && sql[end - 1] == ' ') --end;
  auto begin = end;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  while (begin > 0 && is_word(sql[begin - 1])) --begin;
  const std::string word = lower(sql.substr(begin, end - begin));
  for (const std::string& column : columns) {
    if (word.empty() || lower(column) != word) continue;
    fault.message += fmt::format(
        "; \"{0}\" is one of SQL's own words: write the column in double quotes", column);
    fault.position = begin;
    break;
  }
  return fault;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  return did_you_mean(name, views);
}

SqlFault fault_of(const EngineFault& fault, const NamesInScope& names, std::size_t shift,
                  std::size_t sql_bytes) {
  SqlFault out = translated(fault, names);
  const std::size_t position = fault.position.value_or(shift);
  out.position = std::min(position < shift ? 0 : position - shift, sql_bytes);
  return out;
}

}  // namespace leat::sql
