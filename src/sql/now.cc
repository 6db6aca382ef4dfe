#include "sql/now.h"

#include <algorithm>
#include <array>

#include "sql/engine.h"

namespace leat::sql {
namespace {

/// What says the time now, as a word or a call without arguments, and what it is of the record's
/// time in UTC.
struct Meaning {
  std::string_view name;
  bool word;
  std::string_view expression;
};

constexpr std::string_view time_with_zone = "{}";
constexpr std::string_view time = "make_timestamp(epoch_us({}))";
constexpr std::string_view date = "CAST(make_timestamp(epoch_us({})) AS DATE)";
constexpr std::string_view time_of_day = "CAST(make_timestamp(epoch_us({})) AS TIME)";
constexpr std::string_view time_of_day_with_zone =
    "CAST(CAST(make_timestamp(epoch_us({})) AS TIME) AS TIMETZ)";

constexpr std::array<Meaning, 14> meanings = {{
    {"now", false, time_with_zone},
    {"get_current_timestamp", false, time_with_zone},
    {"transaction_timestamp", false, time_with_zone},
    {"current_timestamp", true, time_with_zone},
    {"today", false, date},
    {"current_date", false, date},
    {"current_date", true, date},
    {"current_localtimestamp", false, time},
    {"localtimestamp", true, time},
    {"current_localtime", false, time_of_day},
    {"localtime", true, time_of_day},
    {"get_current_time", false, time_of_day_with_zone},
    {"current_time", false, time_of_day_with_zone},
    {"current_time", true, time_of_day_with_zone},
}};

const Meaning* meaning_of(const Node& node, const Schema& columns) {
  std::string name;
  bool word = false;
  if (is_class(node, "FUNCTION") && node.at("children").empty()) {
    name = function_name(node);
  } else if (is_class(node, "COLUMN_REF") && parts_of(node).size() == 1) {
    name = lower(parts_of(node)[0]);
    word = true;
    if (columns.find(name)) return nullptr;
  }
  const auto found = std::ranges::find_if(meanings, [&](const Meaning& meaning) {
    return meaning.word == word && meaning.name == name;
  });
  return found == meanings.end() ? nullptr : &*found;
}

}  // namespace

bool says_now(const Node& expression, const Schema& columns) {
  return meaning_of(expression, columns) != nullptr;
}

Analysed<bool> replace_now(Binding& binding, Node& node, const Schema& columns,
                           const std::string& alias) {
  const std::string column =
      alias.empty() ? came_column : fmt::format("{}.{}", quoted_name(alias), came_column);
  Analysed<bool> replaced = false;
  replace_expressions(node, [&](const Node& expression) -> std::optional<Node> {
    const Meaning* meaning = replaced ? meaning_of(expression, columns) : nullptr;
    if (meaning == nullptr) return std::nullopt;
    std::string text(meaning->expression);
    text.replace(text.find("{}"), 2, column);
    auto made = binding.expression_of("SELECT " + text);
    if (!made) {
      replaced = std::unexpected(std::move(made).error());
      return std::nullopt;
    }
    replaced = true;
    return std::move(*made);
  });
  return replaced;
}

Analysed<void> name_item(Binding& binding, Node& item) {
  if (!text_in(item, "alias").empty() || is_class(item, "STAR")) return {};
  if (is_class(item, "COLUMN_REF")) {
    item["alias"] = parts_of(item).back();
    return {};
  }
  Node alone = LEAT_TRY_SQL(binding.parse("SELECT 1"));
  alone["select_list"] = Node::array({item});
  const std::string text = LEAT_TRY_SQL(binding.to_sql(alone));
  item["alias"] = text.substr(std::string_view("SELECT ").size());
  return {};
}

}  // namespace leat::sql
