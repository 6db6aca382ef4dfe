#include "connector/postgresql/target_table.h"

#include <strings.h>
#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

namespace leat::connector::postgresql {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

std::uint32_t number_of(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string names_list(const TablePlan& plan, bool key_only, std::string_view prefix = "") {
  std::string list;
  for (const TablePlan::Column& column : plan.columns) {
    if (key_only && !column.is_key) continue;
    if (!list.empty()) list += ", ";
    list += prefix;
    list += quoted_name(column.name);
  }
  return list;
}

std::string temporary_table(const char* name, const TablePlan& plan, bool key_only) {
  std::string columns;
  for (const TablePlan::Column& column : plan.columns) {
    if (key_only && !column.is_key) continue;
    if (!columns.empty()) columns += ", ";
    columns += quoted_name(column.name) + " " + column.copy.type.sql;
  }
  return fmt::format("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DELETE ROWS", name, columns);
}

}  // namespace

Result<TargetTable> TargetTable::look(Connection& connection, const TablePlan& plan,
                                      const std::stop_token& stop) {
  TargetTable table;
  LEAT_TRY(table.look_for_table(connection, plan, stop));
  if (!table.oid_) return table;
  LEAT_TRY(table.look_at_columns(connection, plan, stop));
  LEAT_TRY(table.match(connection, plan, stop));
  LEAT_TRY(table.look_at_key(connection, plan, stop));
  LEAT_TRY(table.look_at_rights(connection, plan, stop));
  return table;
}

Status TargetTable::look_for_table(Connection& connection, const TablePlan& plan,
                                   const std::stop_token& stop) {
  const Rows found = LEAT_TRY(connection.run_with(
      "SELECT c.oid, c.relrowsecurity FROM pg_class c WHERE c.oid = to_regclass($1)",
      Parameters{plan.table.quoted()}, stop));
  if (found.size() == 1) {
    oid_ = found.string(0, 0);
    row_security_ = found.string(0, 1) == "t";
    return {};
  }
  if (!plan.create) {
    return user_error("table-missing",
                      "PostgreSQL {}: there is no table {}; leave `create: false` out, or make it: "
                      "{}",
                      connection.shown(), plan.table.shown(), plan.create_table());
  }
  if (!plan.table.schema.empty()) {
    const Rows schema = LEAT_TRY(connection.run_with(
        "SELECT 1 FROM pg_namespace WHERE nspname = $1", Parameters{plan.table.schema}, stop));
    if (schema.size() == 0)
      missing_.push_back("CREATE SCHEMA IF NOT EXISTS " + quoted_name(plan.table.schema));
  }
  if (plan.null_keys && connection.server_version() < 150'000) {
    return user_error("not-supported", "PostgreSQL {}: `null_keys` needs PostgreSQL 15",
                      connection.shown());
  }
  missing_.push_back(plan.create_table());
  return {};
}

Status TargetTable::look_at_columns(Connection& connection, const TablePlan& plan,
                                    const std::stop_token& stop) {
  const Rows found = LEAT_TRY(connection.run_with(
      "SELECT attname, coalesce(nullif(t.typbasetype, 0), t.oid), "
      "format_type(a.atttypid, a.atttypmod), "
      "format_type(a.atttypid, -1), "
      "a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' "
      "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
      "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
      Parameters{*oid_}, stop));
  for (std::size_t i = 0; i < found.size(); ++i) {
    columns_.push_back({.name = found.string(i, 0),
                        .oid = number_of(found.string(i, 1)),
                        .type = found.string(i, 2),
                        .unbounded_type = found.string(i, 3),
                        .required = found.string(i, 4) == "t"});
  }
  for (const Column& column : columns_) {
    const bool given = std::ranges::any_of(plan.columns, [&](const TablePlan::Column& wanted) {
      return find(wanted.name) == &column;
    });
    if (column.required && !given) {
      return user_error("column-required",
                        "PostgreSQL {}: column {} of table {} must have a value, and the input has "
                        "no such column; give it a default: ALTER TABLE {} ALTER COLUMN {} DROP "
                        "NOT NULL",
                        connection.shown(), column.name, plan.table.shown(), plan.table.quoted(),
                        quoted_name(column.name));
    }
  }
  return {};
}

/// By its exact name, else without regard to case, as the pipeline's own SQL has it.
const TargetTable::Column* TargetTable::find(const std::string& name) const {
  const auto exact = std::ranges::find(columns_, name, &Column::name);
  if (exact != columns_.end()) return &*exact;
  const auto alike = std::ranges::find_if(columns_, [&](const Column& column) {
    return strcasecmp(column.name.c_str(), name.c_str()) == 0;
  });
  return alike == columns_.end() ? nullptr : &*alike;
}

Status TargetTable::match(Connection& connection, const TablePlan& plan,
                          const std::stop_token& stop) {
  for (const TablePlan::Column& wanted : plan.columns) {
    if (const Column* found = find(wanted.name); found != nullptr) {
      Column& column = columns_[static_cast<std::size_t>(found - columns_.data())];
      LEAT_TRY(match_type(connection, plan, wanted, column, stop));
    } else if (!plan.create) {
      return user_error("column-missing",
                        "PostgreSQL {}: table {} has no column {}; leave `create: false` out, or "
                        "add it: {}",
                        connection.shown(), plan.table.shown(), wanted.name,
                        plan.add_column(wanted));
    } else {
      missing_.push_back(plan.add_column(wanted));
    }
  }
  return {};
}

Status TargetTable::match_type(Connection& connection, const TablePlan& plan,
                               const TablePlan::Column& wanted, Column& found,
                               const std::stop_token& stop) {
  const ColumnType& ours = wanted.copy.type;
  if (found.oid == ours.oid) return {};
  const auto cast = connection.run_with(
      fmt::format("SELECT NULL::{}::{}, (SELECT count(*) FROM pg_cast WHERE castsource = $1::oid "
                  "AND casttarget = $2::oid AND castcontext IN ('a', 'i')), (SELECT typcategory "
                  "FROM pg_type WHERE oid = $2::oid)",
                  ours.sql, found.type),
      Parameters{std::to_string(ours.oid), std::to_string(found.oid)}, stop);
  if (!cast && connection.failed_state().empty()) return std::unexpected(cast.error());
  if (!cast) {
    return user_error("type-mismatch",
                      "PostgreSQL {}: column {} of table {} is {}, and {} can't be cast to that; "
                      "cast it in the SELECT, or change the column",
                      connection.shown(), found.name, plan.table.shown(), found.type, ours.sql);
  }
  // An explicit cast to varchar(3) would cut the text; the one that INSERT itself makes refuses it.
  found.needs_cast = cast->string(0, 1) == "0" && cast->string(0, 2) != "S";
  return {};
}

Status TargetTable::look_at_key(Connection& connection, const TablePlan& plan,
                                const std::stop_token& stop) {
  if (plan.mode == TablePlan::Mode::single_row) {
    const Rows rows = LEAT_TRY(connection.run_with(
        fmt::format("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 2) two", plan.table.quoted()), {},
        stop));
    if (rows.string(0, 0) == "2") {
      return user_error("not-one-row",
                        "PostgreSQL {}: the view is one row, which takes the place of all rows of "
                        "its table, but {} has more; name a table that only Leat writes to",
                        connection.shown(), plan.table.shown());
    }
  }
  if (plan.mode != TablePlan::Mode::upsert) return {};
  std::vector<std::string> names;
  for (const std::string& name : plan.key_names()) {
    const Column* column = find(name);
    names.push_back(column == nullptr ? name : column->name);
  }
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(connection.quoted_text(name));
  const Rows unique = LEAT_TRY(connection.run_with(
      fmt::format("SELECT 1 FROM pg_index i WHERE i.indrelid = $1::oid AND i.indisunique AND "
                  "i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL "
                  "AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM "
                  "unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) k JOIN pg_attribute a ON "
                  "a.attrelid = i.indrelid AND a.attnum = k) = (SELECT array_agg(n ORDER BY n) "
                  "FROM unnest(ARRAY[{}]) n)",
                  fmt::join(quoted, ", ")),
      Parameters{*oid_}, stop));
  if (unique.size() > 0) return {};
  for (std::string& name : names) name = quoted_name(name);
  return user_error("key-not-unique",
                    "PostgreSQL {}: table {} has no primary key or unique index of exactly the "
                    "columns that identify a row; make one: CREATE UNIQUE INDEX ON {} ({})",
                    connection.shown(), plan.table.shown(), plan.table.quoted(),
                    fmt::join(names, ", "));
}

Status TargetTable::look_at_rights(Connection& connection, const TablePlan& plan,
                                   const std::stop_token& stop) {
  const bool rows_change = plan.mode != TablePlan::Mode::append;
  const std::string rights = rows_change ? "INSERT, SELECT, UPDATE, DELETE" : "INSERT";
  for (const char* right : {"INSERT", "SELECT", "UPDATE", "DELETE"}) {
    if (rights.find(right) == std::string::npos) continue;
    // The right to every column of a table will do, too.
    const Rows held = LEAT_TRY(connection.run_with(
        "SELECT has_table_privilege($1::oid, $2) OR ($2 <> 'DELETE' AND "
        "has_any_column_privilege($1::oid, CASE WHEN $2 = 'DELETE' THEN 'SELECT' ELSE $2 END))",
        Parameters{*oid_, right}, stop));
    if (held.string(0, 0) == "t") continue;
    return user_error("not-permitted",
                      "PostgreSQL {}: no right to {} on table {}; its owner can give it: GRANT {} "
                      "ON {} TO this user",
                      connection.shown(), right, plan.table.shown(), rights, plan.table.quoted());
  }
  return {};
}

std::string TargetTable::inserted(const TablePlan::Column& column) const {
  const Column* found = find(column.name);
  const std::string value = quoted_name(column.name);
  return found != nullptr && found->needs_cast ? value + "::" + found->type : value;
}

/// Not cut to the column's length: a key that is too long is no row's.
std::string TargetTable::compared(const TablePlan::Column& column) const {
  const Column* found = find(column.name);
  const std::string value = "d." + quoted_name(column.name);
  const bool same = found == nullptr || found->oid == column.copy.type.oid;
  return same ? value : value + "::" + found->unbounded_type;
}

Statements TargetTable::statements(const TablePlan& plan) const {
  const auto target_name = [&](const TablePlan::Column& column) {
    const Column* found = find(column.name);
    return quoted_name(found == nullptr ? column.name : found->name);
  };
  std::vector<std::string> names, values, keys, updates, equal, null_equal, some_null;
  bool same_types = !row_security_;
  for (const TablePlan::Column& column : plan.columns) {
    const std::string name = target_name(column);
    const Column* found = find(column.name);
    same_types = same_types && (found == nullptr || found->oid == column.copy.type.oid);
    names.push_back(name);
    values.push_back(inserted(column));
    if (!column.is_key) {
      updates.push_back(name + " = EXCLUDED." + name);
      continue;
    }
    keys.push_back(name);
    const std::string wanted = compared(column);
    equal.push_back("t." + name + " = " + wanted);
    null_equal.push_back("t." + name + " IS NOT DISTINCT FROM " + wanted);
    some_null.push_back("d." + quoted_name(column.name) + " IS NULL");
  }
  const std::string table = plan.table.quoted();
  Statements made;
  if (plan.mode == TablePlan::Mode::append && same_types) {
    made.copy_rows =
        fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table, fmt::join(names, ", "));
    return made;
  }
  made.stage = "DROP TABLE IF EXISTS pg_temp.leat_rows, pg_temp.leat_deletes; " +
               temporary_table("leat_rows", plan, false);
  made.clear_stage = "TRUNCATE pg_temp.leat_rows";
  made.copy_rows = fmt::format("COPY pg_temp.leat_rows ({}) FROM STDIN (FORMAT binary)",
                               names_list(plan, false));
  made.merge_rows = fmt::format("INSERT INTO {} ({}) SELECT {} FROM pg_temp.leat_rows", table,
                                fmt::join(names, ", "), fmt::join(values, ", "));
  if (plan.mode == TablePlan::Mode::single_row) {
    made.merge_deletes = "DELETE FROM " + table;
  } else if (plan.mode == TablePlan::Mode::upsert) {
    made.merge_rows += fmt::format(" ON CONFLICT ({}) DO ", fmt::join(keys, ", "));
    made.merge_rows +=
        updates.empty() ? "NOTHING" : fmt::format("UPDATE SET {}", fmt::join(updates, ", "));
    made.stage += "; " + temporary_table("leat_deletes", plan, true);
    made.clear_stage += ", pg_temp.leat_deletes";
    made.copy_deletes = fmt::format("COPY pg_temp.leat_deletes ({}) FROM STDIN (FORMAT binary)",
                                    names_list(plan, true));
    made.merge_deletes = fmt::format("DELETE FROM {} t USING pg_temp.leat_deletes d WHERE {}",
                                     table, fmt::join(equal, " AND "));
    if (plan.null_keys) {
      made.merge_deletes +=
          fmt::format("; DELETE FROM {} t USING pg_temp.leat_deletes d WHERE ({}) AND {}", table,
                      fmt::join(some_null, " OR "), fmt::join(null_equal, " AND "));
    }
  }
  return made;
}

}  // namespace leat::connector::postgresql
