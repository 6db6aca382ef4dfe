#include "connector/postgresql/table_plan.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "connector/postgresql/connection.h"

namespace leat::connector::postgresql {
namespace {

constexpr std::size_t name_bytes_max = 63;  ///< the server cuts longer ones silently

/// The part of a dotted name that begins at `at`, which is moved past it and the dot.
Result<std::string> name_part(std::string_view text, std::size_t& at) {
  std::string part;
  const bool quoted = at < text.size() && text[at] == '"';
  if (quoted) ++at;
  bool closed = !quoted;
  for (; at < text.size(); ++at) {
    if (quoted && text[at] == '"') {
      if (at + 1 < text.size() && text[at + 1] == '"') {
        ++at;
      } else {
        ++at;
        closed = true;
        break;
      }
    } else if (!quoted && (text[at] == '.' || text[at] == '"')) {
      break;
    }
    part += text[at];
  }
  const bool ended = at == text.size() || text[at] == '.';
  if (part.empty() || !closed || !ended || part.size() > name_bytes_max ||
      part.find('\0') != std::string::npos) {
    return user_error("bad-table",
                      "\"{}\" is no table's name; write NAME or SCHEMA.NAME, of at most {} bytes "
                      "each",
                      text, name_bytes_max);
  }
  ++at;
  return part;
}

Result<std::vector<std::size_t>> key_of(const SinkInput& input, const Settings& settings) {
  std::vector<std::size_t> key;
  for (const std::string& name : settings.list("key")) {
    const auto column = input.schema.find(name);
    if (!column) {
      return user_error("bad-key", "`key` names {}, which is no column of {}; there are: {}", name,
                        input.from, fmt::join(input.schema.names(), ", "));
    }
    key.push_back(*column);
  }
  if (input.kind != SinkInput::Kind::view) return key;
  std::vector<std::size_t> wanted = key, own = input.key;
  std::ranges::sort(wanted);
  std::ranges::sort(own);
  if (!key.empty() && wanted != own) {
    return user_error("bad-key",
                      "view {} has a key of its own, by which its rows come and go; leave `key` "
                      "out",
                      input.from);
  }
  return input.key;
}

Result<ColumnType> type_of(const SinkInput& input, const Settings& settings, std::size_t column) {
  if (input.kind == SinkInput::Kind::topic) {
    if (column == record_key) return record_type(settings.text("record_key"));
    if (column == record_value) return record_type(settings.text("record_value"));
    if (column == record_headers) return record_headers_type();
  }
  Result<ColumnType> type = column_type(input.schema[column].type);
  if (!type) {
    type.error().message =
        fmt::format("column {}: {}", input.schema[column].name, type.error().message);
  }
  return type;
}

}  // namespace

std::string TableName::quoted() const {
  return schema.empty() ? quoted_name(name) : quoted_name(schema) + "." + quoted_name(name);
}

Result<TableName> parse_table_name(std::string_view text) {
  std::size_t at = 0;
  std::string first = LEAT_TRY(name_part(text, at));
  if (at > text.size()) return TableName{"", std::move(first)};
  std::string second = LEAT_TRY(name_part(text, at));
  if (at <= text.size()) {
    return user_error("bad-table", "\"{}\" has more than one dot; write SCHEMA.NAME", text);
  }
  return TableName{std::move(first), std::move(second)};
}

std::vector<std::string> TablePlan::key_names() const {
  std::vector<std::string> names;
  for (const Column& column : columns) {
    if (column.is_key) names.push_back(column.name);
  }
  return names;
}

std::string TablePlan::create_table() const {
  std::string sql = "CREATE TABLE IF NOT EXISTS " + table.quoted() + " (";
  for (const Column& column : columns) {
    if (&column != &columns.front()) sql += ", ";
    sql += quoted_name(column.name) + " " + column.copy.type.sql;
  }
  if (mode == Mode::upsert) {
    std::vector<std::string> names;
    for (const std::string& name : key_names()) names.push_back(quoted_name(name));
    sql += fmt::format(", {} ({})", null_keys ? "UNIQUE NULLS NOT DISTINCT" : "PRIMARY KEY",
                       fmt::join(names, ", "));
  }
  return sql + ")";
}

std::string TablePlan::add_column(const Column& column) const {
  return fmt::format("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}", table.quoted(),
                     quoted_name(column.name), column.copy.type.sql);
}

Result<TablePlan> plan_table(const SinkInput& input, const Settings& settings) {
  TablePlan plan;
  plan.table = LEAT_TRY(parse_table_name(settings.text("table")));
  plan.create = settings.flag("create");
  plan.null_keys = settings.flag("null_keys");
  if (!input.changes) plan.key = LEAT_TRY(key_of(input, settings));
  const bool is_view = input.kind == SinkInput::Kind::view;
  plan.mode = !plan.key.empty()           ? TablePlan::Mode::upsert
              : is_view && !input.changes ? TablePlan::Mode::single_row
                                          : TablePlan::Mode::append;
  plan.tombstones_delete =
      input.kind == SinkInput::Kind::topic && plan.mode == TablePlan::Mode::upsert;
  if (input.changes) {
    plan.columns.push_back(
        {"weight", {weight_column, LEAT_TRY(column_type(Type::of(DUCKDB_TYPE_BIGINT)))}});
  }
  const bool without_headers =
      input.kind == SinkInput::Kind::topic && !settings.flag("record_headers");
  for (std::size_t i = 0; i < input.schema.size(); ++i) {
    if (without_headers && i == record_headers) continue;
    plan.columns.push_back({input.schema[i].name,
                            {i, LEAT_TRY(type_of(input, settings, i))},
                            std::ranges::find(plan.key, i) != plan.key.end()});
    if (plan.columns.back().name.size() > name_bytes_max) {
      return user_error("bad-column", "PostgreSQL: the column name {} is longer than {} bytes",
                        plan.columns.back().name, name_bytes_max);
    }
  }
  if (input.changes && input.schema.find("weight")) {
    return user_error("column-twice",
                      "{} has a column `weight`, as the weight of a change is called; rename it in "
                      "the SELECT",
                      input.from);
  }
  return plan;
}

}  // namespace leat::connector::postgresql
