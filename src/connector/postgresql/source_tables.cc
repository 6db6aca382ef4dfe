#include "connector/postgresql/source_tables.h"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

namespace leat::connector::postgresql {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

std::uint32_t oid_of(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<SourceTable> look_up_table(Connection& connection, const TableName& name,
                                  const std::stop_token& stop) {
  const Rows found = LEAT_TRY(connection.run_with(
      "SELECT c.oid, n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT'), c.relreplident "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')",
      Parameters{name.quoted()}, stop));
  if (found.size() == 0) {
    return user_error("table-missing", "PostgreSQL {}: there is no table {}", connection.shown(),
                      name.shown());
  }
  SourceTable table;
  table.relation.relation = oid_of(found.string(0, 0));
  table.relation.schema = found.string(0, 1);
  table.relation.name = found.string(0, 2);
  table.shown = table.relation.schema + "." + table.relation.name;
  table.quoted = quoted_name(table.relation.schema) + "." + quoted_name(table.relation.name);
  if (found.string(0, 3) != "t") {
    return user_error("not-permitted",
                      "PostgreSQL {}: no right to read table {}; its owner can give it: GRANT "
                      "SELECT ON {} TO this user",
                      connection.shown(), table.shown, table.quoted);
  }
  if (const std::string identity = found.string(0, 4); identity != "d" && identity != "f") {
    return user_error(
        "key-missing",
        "PostgreSQL {}: table {} does not tell its primary key with its changes; ALTER "
        "TABLE {} REPLICA IDENTITY DEFAULT (or FULL)",
        connection.shown(), table.shown, table.quoted);
  }
  const Rows columns = LEAT_TRY(connection.run_with(
      "SELECT a.attname, a.atttypid, coalesce(k.place, 0), format_type(a.atttypid, a.atttypmod), "
      "CASE WHEN a.attcollation <> 0 THEN quote_ident(cn.nspname) || '.' || "
      "quote_ident(co.collname) "
      "END FROM pg_attribute a "
      "LEFT JOIN pg_collation co ON co.oid = a.attcollation "
      "LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace "
      "LEFT JOIN (SELECT u.attnum, u.place FROM pg_index i, unnest(i.indkey::int2[]) WITH "
      "ORDINALITY u(attnum, place) WHERE i.indrelid = $1::oid AND i.indisprimary) k "
      "ON k.attnum = a.attnum WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped "
      "AND a.attgenerated = '' ORDER BY a.attnum",
      Parameters{found.string(0, 0)}, stop));
  std::map<int, SourceTable::KeyColumn> key;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int place = std::stoi(columns.string(i, 2));
    table.relation.columns.push_back(
        {columns.string(i, 0), oid_of(columns.string(i, 1)), place > 0});
    std::string& cast = table.casts.emplace_back("::" + columns.string(i, 3));
    if (columns.text(i, 4)) cast += " COLLATE " + columns.string(i, 4);
    if (place > 0) key[place] = {i, quoted_name(columns.string(i, 0)), cast};
  }
  for (auto& [place, column] : key) table.key.push_back(std::move(column));
  if (table.key.empty()) {
    return user_error("key-missing",
                      "PostgreSQL {}: table {} has no primary key, by which its changes are told "
                      "apart; make one: ALTER TABLE {} ADD PRIMARY KEY (…)",
                      connection.shown(), table.shown, table.quoted);
  }
  return table;
}

}  // namespace

Status SourceTable::order_by(const std::string& column) {
  const auto found = std::ranges::find(relation.columns, column, &RelationColumn::name);
  if (found == relation.columns.end()) {
    return user_error("column-missing", "PostgreSQL: table {} has no column {}", shown, column);
  }
  const auto index = static_cast<std::size_t>(found - relation.columns.begin());
  std::erase_if(key, [&](const KeyColumn& part) { return part.column == index; });
  key.insert(key.begin(), {index, quoted_name(column), casts[index]});
  return {};
}

void SourceTable::describe(const RelationMessage& now) {
  const auto is_key = [&](const std::string& name) {
    return std::ranges::any_of(
        key, [&](const KeyColumn& part) { return part.quoted == quoted_name(name); });
  };
  relation = now;
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    RelationColumn& column = relation.columns[i];
    column.is_key = is_key(column.name);
    for (KeyColumn& part : key) {
      if (part.quoted == quoted_name(column.name)) part.column = i;
    }
  }
}

std::vector<std::string> SourceTable::key_of(const Tuple& row) const {
  std::vector<std::string> values;
  for (const KeyColumn& part : key) {
    values.emplace_back(part.column < row.size() ? row[part.column].text : std::string_view());
  }
  return values;
}

namespace {

std::string key_row(Connection& connection, const SourceTable& table,
                    const std::vector<std::string>& values) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < table.key.size() && i < values.size(); ++i) {
    parts.push_back(connection.quoted_text(values[i]) + table.key[i].cast);
  }
  return fmt::format("ROW({})", fmt::join(parts, ", "));
}

}  // namespace

std::string SourceTable::after_key(Connection& connection,
                                   const std::vector<std::string>& values) const {
  return fmt::format("ROW({}) > {}", order(), key_row(connection, *this, values));
}

std::string SourceTable::is_key(Connection& connection,
                                const std::vector<std::string>& values) const {
  return fmt::format("ROW({}) = {}", order(), key_row(connection, *this, values));
}

std::string SourceTable::is_after(Connection& connection, const std::vector<std::string>& values,
                                  const std::vector<std::string>& other) const {
  return key_row(connection, *this, values) + " > " + key_row(connection, *this, other);
}

std::string SourceTable::order() const {
  std::vector<std::string> parts;
  for (const KeyColumn& part : key) parts.push_back(part.quoted);
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string SourceTable::column_list() const {
  std::vector<std::string> parts;
  for (const RelationColumn& column : relation.columns) parts.push_back(quoted_name(column.name));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Result<std::vector<SourceTable>> look_up_tables(Connection& connection,
                                                const std::vector<TableName>& names,
                                                const std::stop_token& stop) {
  std::vector<SourceTable> tables;
  for (const TableName& name : names) {
    tables.push_back(LEAT_TRY(look_up_table(connection, name, stop)));
  }
  return tables;
}

Status Slot::make_publication(Connection& connection, const std::vector<SourceTable>& tables,
                              const std::stop_token& stop) const {
  const Rows there = LEAT_TRY(connection.run_with(
      "SELECT puballtables FROM pg_publication WHERE pubname = $1", Parameters{publication}, stop));
  if (there.size() == 0) {
    std::vector<std::string> names;
    for (const SourceTable& table : tables) names.push_back(table.quoted);
    LEAT_TRY(connection.run(
        fmt::format("CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)",
                    quoted_name(publication), fmt::join(names, ", ")),
        stop));
    return {};
  }
  if (there.string(0, 0) == "t") return {};
  for (const SourceTable& table : tables) {
    const Rows member = LEAT_TRY(connection.run_with(
        "SELECT 1 FROM pg_publication_tables WHERE pubname = $1 AND schemaname = $2 AND "
        "tablename = $3",
        Parameters{publication, table.relation.schema, table.relation.name}, stop));
    if (member.size() > 0) continue;
    LEAT_TRY(connection.run(
        fmt::format("ALTER PUBLICATION {} ADD TABLE {}", quoted_name(publication), table.quoted),
        stop));
  }
  return {};
}

Result<Slot::Found> Slot::find(Connection& connection, const std::stop_token& stop) const {
  const Rows level = LEAT_TRY(connection.run_with("SHOW wal_level", {}, stop));
  if (level.string(0, 0) != "logical") {
    return user_error("wal-level",
                      "PostgreSQL {}: wal_level is {}; set wal_level = logical in postgresql.conf "
                      "and restart the server",
                      connection.shown(), level.string(0, 0));
  }
  const Rows there = LEAT_TRY(connection.run_with(
      "SELECT plugin, database = current_database(), coalesce(wal_status, ''), "
      "coalesce(confirmed_flush_lsn, '0/0') FROM pg_replication_slots WHERE slot_name = $1",
      Parameters{name}, stop));
  if (there.size() == 0) return Found();
  if (there.string(0, 0) != "pgoutput" || there.string(0, 1) != "t") {
    return user_error("slot-foreign",
                      "PostgreSQL {}: replication slot {} belongs to another plug-in or "
                      "database; name another `slot`",
                      connection.shown(), name);
  }
  return Found{there.string(0, 2) == "lost" ? Standing::lost : Standing::usable,
               parse_lsn(there.string(0, 3)).value_or(0)};
}

Result<Lsn> Slot::make(Connection& connection, const std::vector<SourceTable>& tables,
                       bool may_create_slot, const std::stop_token& stop) const {
  const Found found = LEAT_TRY(find(connection, stop));
  LEAT_TRY(make_publication(connection, tables, stop));
  if (found.standing == Standing::usable) return found.confirmed;
  const bool lost = found.standing == Standing::lost;
  if (lost || !may_create_slot) {
    return external_error("slot-lost",
                          "PostgreSQL {}: replication slot {} is {}, so changes since the last "
                          "position are gone. Set `if_slot_lost: snapshot` to read the tables "
                          "again, or make the topic anew",
                          connection.shown(), name,
                          lost ? "no longer kept (max_slot_wal_keep_size)" : "gone");
  }
  const Rows made = LEAT_TRY(
      connection.run_with("SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')",
                          Parameters{name}, stop));
  return parse_lsn(made.string(0, 0)).value_or(0);
}

Result<std::string> Slot::look(Connection& connection, const std::vector<SourceTable>& tables,
                               const std::stop_token& stop) const {
  const Found found = LEAT_TRY(find(connection, stop));
  std::string words = fmt::format("replication slot {}", name);
  if (found.standing == Standing::usable) return words + " is there";
  if (found.standing == Standing::lost) return words + " is no longer kept by the server";
  const Rows rights = LEAT_TRY(connection.run_with(
      "SELECT rolname, rolreplication OR rolsuper, rolsuper OR has_database_privilege("
      "current_database(), 'CREATE') FROM pg_roles WHERE rolname = current_user",
      {}, stop));
  const std::string user = quoted_name(rights.string(0, 0));
  if (rights.string(0, 1) != "t") {
    return user_error("not-permitted",
                      "PostgreSQL {}: the user {} may not make replication slots; run as a "
                      "superuser: ALTER ROLE {} REPLICATION",
                      connection.shown(), user, user);
  }
  const Rows publications = LEAT_TRY(connection.run_with(
      "SELECT 1 FROM pg_publication WHERE pubname = $1", Parameters{publication}, stop));
  if (publications.size() == 0) {
    std::vector<std::string> names;
    for (const SourceTable& table : tables) names.push_back(table.quoted);
    if (rights.string(0, 2) != "t") {
      return user_error("not-permitted",
                        "PostgreSQL {}: publication {} is missing, and the user {} may not make "
                        "it; as the tables' owner: CREATE PUBLICATION {} FOR TABLE {} WITH "
                        "(publish_via_partition_root = true)",
                        connection.shown(), publication, user, quoted_name(publication),
                        fmt::join(names, ", "));
    }
    words += fmt::format(" and publication {}", publication);
  }
  return words + " will be made";
}

Status Slot::drop(Connection& connection, const std::stop_token& stop) const {
  LEAT_TRY(connection.run_with(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
      Parameters{name}, stop));
  LEAT_TRY(connection.run("DROP PUBLICATION IF EXISTS " + quoted_name(publication), stop));
  return {};
}

}  // namespace leat::connector::postgresql
