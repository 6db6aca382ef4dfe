#include "connector/cassandra/target_table.h"

#include <algorithm>
#include <charconv>

namespace leat::connector::cql {
namespace {

/// Vector types came with release 5.
bool knows_vectors(const Session& session) {
  const std::string& release = session.cluster().release();
  int major = 0;
  std::from_chars(release.data(), release.data() + release.size(), major);
  return major >= 5;
}

Result<bool> has_keyspace(Session& session, const TableName& name) {
  const Rows rows = LEAT_TRY(
      session.query("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = " +
                        quoted_text(name.keyspace),
                    {.consistency = Consistency::local_one}));
  return rows.size() > 0;
}

std::unexpected<Error> missing_table(const TablePlan& plan, const std::string& statement) {
  return user_error("table-missing",
                    "there is no table {} in Cassandra; leave out `create: false`, or make it: {}",
                    plan.name.shown(), statement);
}

Status make_table(Session& session, const TablePlan& plan) {
  const std::string statement = LEAT_TRY(plan.create_table(knows_vectors(session)));
  if (!plan.create) return missing_table(plan, statement);
  if (!LEAT_TRY(has_keyspace(session, plan.name))) {
    LEAT_TRY(session.query(plan.create_keyspace()));
    LEAT_TRY(session.await_schema_agreement());
  }
  LEAT_TRY(session.query(statement));
  return session.await_schema_agreement();
}

Status add_columns(Session& session, const TablePlan& plan, const TableMatch& match) {
  for (const std::size_t column : match.missing) {
    const std::string statement = LEAT_TRY(plan.add_column(column, knows_vectors(session)));
    if (!plan.create) {
      return user_error("column-missing",
                        "the table {} has no column `{}`; leave out `create: false`, or add it: {}",
                        plan.name.shown(), plan.schema[column].name, statement);
    }
    LEAT_TRY(session.query(statement));
  }
  return match.missing.empty() ? Status() : session.await_schema_agreement();
}

/// `name = ?` of each of the key's columns, and so on.
std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

Status prepare_statements(Session& session, const TablePlan& plan, const TableMatch& match,
                          TargetTable& table) {
  std::vector<std::string> names, marks, conditions;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    names.push_back(quoted_name(match.names[table.columns[i]]));
    marks.emplace_back("?");
    if (i < table.key_columns) conditions.push_back(names.back() + " = ?");
  }
  const std::string ttl =
      plan.ttl_seconds > 0 ? fmt::format(" AND TTL {}", plan.ttl_seconds) : std::string();
  table.insert = LEAT_TRY(
      session.prepare(fmt::format("INSERT INTO {} ({}) VALUES ({}) USING TIMESTAMP ?{}",
                                  plan.name.quoted(), join(names, ", "), join(marks, ", "), ttl)));
  table.remove = LEAT_TRY(session.prepare(fmt::format(
      "DELETE FROM {} USING TIMESTAMP ? WHERE {}", plan.name.quoted(), join(conditions, " AND "))));
  if (table.insert->values.columns.size() != table.columns.size() + 1 ||
      table.remove->values.columns.size() != table.key_columns + 1) {
    return internal_error("cassandra-statement", "Cassandra counts other values than {} has",
                          table.insert->cql);
  }
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = plan.schema[table.columns[i]];
    auto writer = ValueWriter::make(column.type, table.insert->values.columns[i].type);
    if (!writer) {
      return user_error("type-mismatch", "column `{}` of {}: {}", column.name, plan.name.shown(),
                        writer.error().message);
    }
    table.writers.push_back(std::move(*writer));
  }
  return {};
}

}  // namespace

Result<std::vector<TableColumn>> read_table(Session& session, const TableName& name) {
  const Rows rows = LEAT_TRY(session.query(
      fmt::format("SELECT column_name, kind, position, type FROM system_schema.columns WHERE "
                  "keyspace_name = {} AND table_name = {}",
                  quoted_text(name.keyspace), quoted_text(name.table)),
      {.consistency = Consistency::local_one}));
  std::vector<TableColumn> columns;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    TableColumn column;
    column.name = rows.text(row, 0);
    const std::string_view kind = rows.text(row, 1);
    column.role = kind == "partition_key" ? TableColumn::Role::partition_key
                  : kind == "clustering"  ? TableColumn::Role::clustering_key
                                          : TableColumn::Role::regular;
    column.position = WireReader(rows.text(row, 2)).read_int();
    column.counter = rows.text(row, 3) == "counter";
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<TargetTable> open_table(Session& session, const TablePlan& plan) {
  auto columns = LEAT_TRY(read_table(session, plan.name));
  if (columns.empty()) {
    LEAT_TRY(make_table(session, plan));
    columns = LEAT_TRY(read_table(session, plan.name));
    if (columns.empty()) {
      return transient_error("cassandra-schema-pending",
                             "the table {} was made, and not all nodes of Cassandra know it yet",
                             plan.name.shown());
    }
  }
  TableMatch match = LEAT_TRY(match_table(plan, columns));
  if (!match.missing.empty()) {
    LEAT_TRY(add_columns(session, plan, match));
    match = LEAT_TRY(match_table(plan, LEAT_TRY(read_table(session, plan.name))));
  }
  TargetTable table;
  table.columns = match.partition_key;
  table.partition_columns = table.columns.size();
  table.columns.insert(table.columns.end(), match.clustering_key.begin(),
                       match.clustering_key.end());
  table.key_columns = table.columns.size();
  for (std::size_t i = 0; i < plan.schema.size(); ++i) {
    if (std::ranges::find(table.columns, i) == table.columns.end()) table.columns.push_back(i);
  }
  LEAT_TRY(prepare_statements(session, plan, match, table));
  return table;
}

Result<std::string> probe_table(Session& session, const TablePlan& plan) {
  const auto columns = LEAT_TRY(read_table(session, plan.name));
  const bool vectors = knows_vectors(session);
  if (columns.empty()) {
    const std::string statement = LEAT_TRY(plan.create_table(vectors));
    if (!plan.create) return missing_table(plan, statement);
    const bool keyspace = LEAT_TRY(has_keyspace(session, plan.name));
    return fmt::format("the {} {} will be made", keyspace ? "table" : "keyspace and table",
                       plan.name.shown());
  }
  const TableMatch match = LEAT_TRY(match_table(plan, columns));
  if (match.missing.empty()) return fmt::format("the table {} is there", plan.name.shown());
  if (!plan.create) {
    const std::size_t first = match.missing.front();
    return user_error("column-missing", "the table {} has no column `{}`; add it: {}",
                      plan.name.shown(), plan.schema[first].name,
                      LEAT_TRY(plan.add_column(first, vectors)));
  }
  return fmt::format("the table {} is there, and {} columns will be added", plan.name.shown(),
                     match.missing.size());
}

}  // namespace leat::connector::cql
