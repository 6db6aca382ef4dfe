#include "connector/cassandra/table_plan.h"

#include <strings.h>

#include <algorithm>
#include <set>

#include "connector/cassandra/value_writer.h"

namespace leat::connector::cql {
namespace {

constexpr std::size_t name_bytes_max = 48;  ///< of a keyspace or table
constexpr std::int64_t ttl_seconds_max = 20LL * 365 * 24 * 3600;

Result<std::vector<std::size_t>> columns_named(const Schema& schema,
                                               const std::vector<std::string>& names,
                                               std::string_view setting) {
  std::vector<std::size_t> columns;
  for (const std::string& name : names) {
    const auto found = schema.find(name);
    if (!found) {
      return user_error("bad-key", "`{}` names `{}`, and there is no such column", setting, name);
    }
    if (std::ranges::find(columns, *found) != columns.end()) {
      return user_error("bad-key", "`{}` names `{}` twice", setting, name);
    }
    columns.push_back(*found);
  }
  return columns;
}

std::string names_of(const Schema& schema, const std::vector<std::size_t>& columns) {
  std::string text;
  for (const std::size_t column : columns) {
    text += (text.empty() ? "" : ", ") + schema[column].name;
  }
  return text;
}

/// Every row of the view must have a row of the table to itself.
Status check_key(const TablePlan& plan, const std::vector<std::size_t>& primary_key) {
  for (const std::size_t column : plan.view_key) {
    if (std::ranges::find(primary_key, column) != primary_key.end()) continue;
    return user_error("bad-key",
                      "the view's key is ({}), and the table's ({}) does not have `{}`: several "
                      "rows of the view would be one; make it part of the table's key",
                      names_of(plan.schema, plan.view_key), names_of(plan.schema, primary_key),
                      plan.schema[column].name);
  }
  return {};
}

Status read_keys(const SinkInput& input, const Settings& settings, TablePlan& plan) {
  plan.partition_key =
      LEAT_TRY(columns_named(input.schema, settings.list("partition_key"), "partition_key"));
  plan.clustering_key =
      LEAT_TRY(columns_named(input.schema, settings.list("clustering_key"), "clustering_key"));
  for (const std::size_t column : plan.clustering_key) {
    if (std::ranges::find(plan.partition_key, column) == plan.partition_key.end()) continue;
    return user_error("bad-key", "`{}` is in `partition_key` and in `clustering_key`",
                      input.schema[column].name);
  }
  if (plan.partition_key.empty() && !plan.clustering_key.empty()) {
    return user_error("bad-key", "`clustering_key` needs a `partition_key`");
  }
  if (plan.partition_key.empty()) plan.partition_key = input.key;
  return plan.partition_key.empty() ? Status() : check_key(plan, plan.primary_key());
}

Status read_types(const Settings& settings, TablePlan& plan) {
  std::string others;
  for (const auto& [name, type] : settings.map("types")) {
    if (name == "*") {
      others = type;
      continue;
    }
    const auto column = plan.schema.find(name);
    if (!column) {
      return user_error("type-mismatch", "`types` names `{}`, and there is no such column", name);
    }
    plan.types.emplace(*column, type);
  }
  for (std::size_t i = 0; i < plan.schema.size(); ++i) {
    if (!others.empty()) plan.types.emplace(i, others);
  }
  return {};
}

}  // namespace

Result<TableName> parse_table_name(std::string_view text) {
  const std::size_t dot = text.find('.');
  const bool good = dot != std::string_view::npos && text.find('.', dot + 1) == text.npos &&
                    dot > 0 && dot <= name_bytes_max && text.size() > dot + 1 &&
                    text.size() - dot - 1 <= name_bytes_max &&
                    std::ranges::all_of(text, [](char c) {
                      return c == '.' || c == '_' || (c >= '0' && c <= '9') ||
                             (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                    });
  if (!good) {
    return user_error("bad-table",
                      "`{}` is no table of Cassandra; write `keyspace.table`, both of letters, "
                      "digits and `_`, 48 at most",
                      text);
  }
  return TableName{std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

std::vector<std::size_t> TablePlan::primary_key() const {
  std::vector<std::size_t> key = partition_key;
  key.insert(key.end(), clustering_key.begin(), clustering_key.end());
  return key;
}

Result<TablePlan> plan_table(const SinkInput& input, const Settings& settings) {
  TablePlan plan;
  plan.name = LEAT_TRY(parse_table_name(settings.text("table")));
  if (input.changes) {
    return user_error("needs-view",
                      "a table of Cassandra has one row for each key and can't keep every change "
                      "of it; leave out `changes: true`");
  }
  plan.schema = input.schema;
  plan.view_key = input.key;
  plan.rows_change = input.rows_change;
  plan.create = settings.flag("create");
  plan.replication = settings.map("replication");
  plan.ttl_seconds = (settings.duration_ms("ttl") + 999) / 1000;
  if (plan.ttl_seconds > ttl_seconds_max) {
    return user_error("out-of-range", "Cassandra keeps no row with a `ttl` of more than 20 years");
  }
  LEAT_TRY(read_keys(input, settings, plan));
  LEAT_TRY(read_types(settings, plan));
  for (std::size_t i = 0; i < plan.schema.size(); ++i) {
    if (!plan.types.contains(i)) LEAT_TRY(cql_type_for(plan.schema[i].type, true));
  }
  return plan;
}

std::string TablePlan::create_keyspace() const {
  std::map<std::string, std::string> options = replication;
  if (options.empty()) {
    options = {{"class", "SimpleStrategy"}, {"replication_factor", "1"}};
  } else if (!options.contains("class")) {
    options.emplace("class", "NetworkTopologyStrategy");
  }
  std::string text;
  for (const auto& [key, value] : options) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", quoted_text(key), quoted_text(value));
  }
  return fmt::format("CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{{}}}",
                     quoted_name(name.keyspace), text);
}

Result<std::string> TablePlan::column_definition(std::size_t column, bool vectors) const {
  const auto said = types.find(column);
  const std::string type = said != types.end()
                               ? said->second
                               : LEAT_TRY(cql_type_for(schema[column].type, vectors)).to_cql();
  return quoted_name(schema[column].name) + " " + type;
}

Result<std::string> TablePlan::create_table(bool vectors) const {
  if (partition_key.empty()) {
    return user_error("bad-key",
                      "the table {} is not there, and without a key it can't be made: a table of "
                      "Cassandra has a primary key; name its columns in `partition_key`",
                      name.shown());
  }
  std::string columns;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    columns += LEAT_TRY(column_definition(i, vectors)) + ", ";
  }
  std::string partition, clustering;
  for (const std::size_t column : partition_key) {
    partition += (partition.empty() ? "" : ", ") + quoted_name(schema[column].name);
  }
  for (const std::size_t column : clustering_key) {
    clustering += ", " + quoted_name(schema[column].name);
  }
  return fmt::format("CREATE TABLE IF NOT EXISTS {} ({}PRIMARY KEY (({}){}))", name.quoted(),
                     columns, partition, clustering);
}

Result<std::string> TablePlan::add_column(std::size_t column, bool vectors) const {
  return fmt::format("ALTER TABLE {} ADD {}", name.quoted(),
                     LEAT_TRY(column_definition(column, vectors)));
}

Result<TableMatch> match_table(const TablePlan& plan, const std::vector<TableColumn>& table) {
  TableMatch match;
  match.names.resize(plan.schema.size());
  std::vector<const TableColumn*> keys;
  for (const TableColumn& column : table) {
    if (column.counter) {
      return user_error("counter-table",
                        "{} has counters ({}): they can't be written twice without counting twice; "
                        "write to a table with a bigint instead",
                        plan.name.shown(), column.name);
    }
    if (column.role != TableColumn::Role::regular) keys.push_back(&column);
  }
  for (std::size_t i = 0; i < plan.schema.size(); ++i) {
    const std::string& wanted = plan.schema[i].name;
    auto found = std::ranges::find(table, wanted, &TableColumn::name);
    if (found == table.end()) {
      found = std::ranges::find_if(table, [&wanted](const TableColumn& column) {
        return strcasecmp(column.name.c_str(), wanted.c_str()) == 0;
      });
    }
    if (found == table.end()) {
      match.missing.push_back(i);
    } else {
      match.names[i] = found->name;
    }
  }
  std::ranges::sort(keys, {}, [](const TableColumn* column) {
    return std::pair(column->role, column->position);
  });
  for (const TableColumn* column : keys) {
    const auto found = std::ranges::find(match.names, column->name);
    if (found == match.names.end()) {
      return user_error("bad-key",
                        "the primary key of {} has a column `{}`, and {} has none of that name",
                        plan.name.shown(), column->name, "what is written to it");
    }
    const auto index = static_cast<std::size_t>(found - match.names.begin());
    (column->role == TableColumn::Role::partition_key ? match.partition_key : match.clustering_key)
        .push_back(index);
  }
  std::vector<std::size_t> primary_key = match.partition_key;
  primary_key.insert(primary_key.end(), match.clustering_key.begin(), match.clustering_key.end());
  LEAT_TRY(check_key(plan, primary_key));
  return match;
}

}  // namespace leat::connector::cql
