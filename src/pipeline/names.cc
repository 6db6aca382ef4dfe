#include "pipeline/names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pipeline/diagnostic.h"

namespace leat::pipeline {
namespace {

constexpr std::size_t relation_length_max = 63;
constexpr std::size_t topic_length_max = 249;
constexpr std::string_view own_prefix = "__leat_";

// What DuckDB 1.4 calls reserved, or keeps for types and functions, in duckdb_keywords(): none of
// them can be a table or column without quotes, as a test shows.
constexpr std::array<std::string_view, 105> reserved_words = {
    "all",           "analyse",     "analyze",   "and",        "anti",         "any",
    "array",         "as",          "asc",       "asof",       "asymmetric",   "at",
    "authorization", "binary",      "both",      "by",         "case",         "cast",
    "check",         "collate",     "collation", "column",     "concurrently", "constraint",
    "create",        "cross",       "default",   "deferrable", "desc",         "describe",
    "distinct",      "do",          "else",      "end",        "except",       "false",
    "fetch",         "for",         "foreign",   "freeze",     "from",         "full",
    "glob",          "group",       "having",    "ilike",      "in",           "initially",
    "inner",         "intersect",   "into",      "is",         "isnull",       "join",
    "lambda",        "lateral",     "leading",   "left",       "like",         "limit",
    "natural",       "not",         "notnull",   "null",       "offset",       "on",
    "only",          "or",          "order",     "outer",      "overlaps",     "pivot",
    "pivot_longer",  "pivot_wider", "placing",   "positional", "primary",      "qualify",
    "references",    "returning",   "right",     "select",     "semi",         "show",
    "similar",       "some",        "summarize", "symmetric",  "table",        "tablesample",
    "then",          "to",          "trailing",  "true",       "union",        "unique",
    "unpack",        "unpivot",     "using",     "variadic",   "verbose",      "when",
    "where",         "window",      "with"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_identifier(std::string_view name) {
  return !name.empty() && name.size() <= relation_length_max && is_letter(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_topic_name(std::string_view name) {
  return !name.empty() && name.size() <= topic_length_max && name != "." && name != ".." &&
         std::ranges::all_of(
             name, [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; });
}

}  // namespace

std::expected<void, NameFault> check_name(std::string_view name, Named named) {
  if (folded(name).starts_with(own_prefix)) {
    return std::unexpected(NameFault{
        "reserved-name",
        fmt::format("the name \"{}\" begins with \"{}\", which is kept for Leat itself; choose "
                    "another",
                    printable(name), own_prefix)});
  }
  if (named == Named::topic ? !is_topic_name(name) : !is_identifier(name)) {
    const auto rule =
        named == Named::topic
            ? fmt::format("1 to {} letters, digits, \"_\", \"-\" and \".\"", topic_length_max)
            : fmt::format("1 to {} letters, digits and \"_\", not beginning with a digit",
                          relation_length_max);
    return std::unexpected(NameFault{
        "invalid-name", fmt::format("\"{}\" can't be a name; use {}", printable(name), rule)});
  }
  if (named == Named::relation && is_reserved_word(name)) {
    return std::unexpected(
        NameFault{"reserved-word",
                  fmt::format("\"{0}\" is a word of SQL, a query could name it only in quotes; "
                              "choose another name, as {0}_rows",
                              name)});
  }
  return {};
}

bool is_reserved_word(std::string_view word) {
  return std::ranges::binary_search(reserved_words, folded(word), std::less<>());
}

std::string with_article(std::string_view noun) {
  const bool vowel = !noun.empty() && std::string_view("aeiou").contains(noun[0]);
  return fmt::format("{} {}", vowel ? "an" : "a", noun);
}

std::string folded(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

}  // namespace leat::pipeline
