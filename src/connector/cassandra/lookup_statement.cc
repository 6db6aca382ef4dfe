#include "connector/cassandra/lookup_statement.h"

#include <strings.h>

#include <algorithm>

#include <fmt/ranges.h>

#include "connector/cassandra/target_table.h"
#include "model/nearest_name.h"

namespace leat::connector::cql {
namespace {

/// The table's own name of a column, which SQL writes in any case.
Result<std::string> name_in_table(const std::vector<TableColumn>& columns, const TableName& name,
                                  const std::string& wanted) {
  std::vector<std::string_view> names;
  for (const TableColumn& column : columns) {
    if (column.name == wanted) return wanted;
    names.push_back(column.name);
  }
  for (const TableColumn& column : columns) {
    if (strcasecmp(column.name.c_str(), wanted.c_str()) == 0) return column.name;
  }
  auto hint = did_you_mean(wanted, names);
  if (hint.empty()) hint = fmt::format("; it has {}", fmt::join(names, ", "));
  return user_error("column-missing", "{} has no column `{}`{}", name.shown(), wanted, hint);
}

/// Columns of the primary key, in its order: those of the partition key first.
std::vector<const TableColumn*> primary_key(const std::vector<TableColumn>& columns) {
  std::vector<const TableColumn*> key;
  for (const TableColumn& column : columns) {
    if (column.role != TableColumn::Role::regular) key.push_back(&column);
  }
  std::ranges::sort(
      key, {}, [](const TableColumn* column) { return std::pair(column->role, column->position); });
  return key;
}

/// The key must be the first columns of the primary key, and all that say which node has the row.
/// Gives whether it is the whole.
Result<bool> check_key(const std::vector<TableColumn>& columns, const TableName& name,
                       std::vector<std::string> wanted) {
  const auto key = primary_key(columns);
  std::vector<std::string> names;
  bool complete = true;
  std::size_t matched = 0;
  for (const TableColumn* column : key) {
    names.push_back(column->name);
    const bool named = std::ranges::find(wanted, column->name) != wanted.end();
    if (named && matched + 1 == names.size()) ++matched;
    if (!named && column->role == TableColumn::Role::partition_key) complete = false;
  }
  if (complete && matched == wanted.size()) return matched == key.size();
  return user_error("bad-key",
                    "the primary key of {} is ({}) in Cassandra, and the key in the pipeline is "
                    "({}); write key: [{}]",
                    name.shown(), fmt::join(names, ", "), fmt::join(wanted, ", "),
                    fmt::join(names, ", "));
}

std::string select_text(const TableName& name, const std::vector<std::string>& columns,
                        const TableInput& input, bool whole_key) {
  std::string text = "SELECT ";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += (i == 0 ? "" : ", ") + quoted_name(columns[i]);
  }
  text += " FROM " + name.quoted();
  for (std::size_t i = 0; i < input.key.size(); ++i) {
    text += (i == 0 ? " WHERE " : " AND ") + quoted_name(columns[input.key[i]]) + " = ?";
  }
  // One more than may be there, to notice when there are more.
  return whole_key ? text : text + fmt::format(" LIMIT {}", input.rows_per_key_max + 1);
}

std::unexpected<Error> in_column(const TableName& name, const std::string& column,
                                 const Error& error) {
  return user_error(error.code, "column `{}` of {} {}", column, name.shown(), error.message);
}

}  // namespace

Result<LookupStatement> open_lookup(Session& session, const TableName& name,
                                    const TableInput& input) {
  const auto columns = LEAT_TRY(read_table(session, name));
  if (columns.empty()) {
    return user_error("table-missing",
                      "there is no table {} in Cassandra; make it, or name another in `table`",
                      name.shown());
  }
  std::vector<std::string> names;
  for (const Column& column : input.schema) {
    names.push_back(LEAT_TRY(name_in_table(columns, name, column.name)));
  }
  std::vector<std::string> key;
  for (const std::size_t column : input.key) key.push_back(names[column]);
  const bool whole_key = LEAT_TRY(check_key(columns, name, std::move(key)));

  LookupStatement statement;
  statement.select = LEAT_TRY(session.prepare(select_text(name, names, input, whole_key)));
  const auto& results = statement.select->result.columns;
  const auto& values = statement.select->values.columns;
  if (results.size() != names.size() || values.size() != input.key.size()) {
    return internal_error("cassandra-statement", "Cassandra counts other columns than {} has",
                          statement.select->cql);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto reader = ValueReader::make(results[i].type, input.schema[i].type);
    if (!reader) return in_column(name, names[i], reader.error());
    statement.readers.push_back(std::move(*reader));
  }
  for (std::size_t i = 0; i < input.key.size(); ++i) {
    auto writer = ValueWriter::make(input.schema[input.key[i]].type, values[i].type);
    if (!writer) return in_column(name, names[input.key[i]], writer.error());
    statement.key_writers.push_back(std::move(*writer));
  }
  return statement;
}

}  // namespace leat::connector::cql
