#include "judge.h"

#include <yaml-cpp/yaml.h>

#include "judge_windows.h"
#include "model/vector_access.h"

namespace leat::proof {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

std::string name_of(const std::string& name) { return '"' + name + '"'; }

std::string cast_of(const Cell& cell, const Type& type) {
  if (!cell) return "NULL";
  const bool by_json = type.is_nested() && (cell->starts_with('[') || cell->starts_with('{'));
  return fmt::format("CAST({}{} AS {})", quoted(*cell), by_json ? "::JSON" : "", type.to_sql());
}

std::vector<std::string> names_in(const YAML::Node& node) {
  if (!node.IsSequence()) return {node.as<std::string>()};
  return node.as<std::vector<std::string>>();
}

}  // namespace

Result<std::unique_ptr<Judge>> Judge::open() {
  std::unique_ptr<Judge> judge(new Judge());
  if (duckdb_open(nullptr, &judge->database_) != DuckDBSuccess ||
      duckdb_connect(judge->database_, &judge->connection_) != DuckDBSuccess) {
    return internal_error("judge", "DuckDB can't be opened");
  }
  // Over one thread rows come in the order in which they were put in.
  LEAT_TRY(judge->run("SET threads = 1; SET TimeZone = 'UTC'"));
  return judge;
}

Judge::~Judge() {
  duckdb_disconnect(&connection_);
  duckdb_close(&database_);
}

Status Judge::run(const std::string& sql) {
  duckdb_result result;
  const bool ran = duckdb_query(connection_, sql.c_str(), &result) == DuckDBSuccess;
  const std::string message = ran ? "" : duckdb_result_error(&result);
  duckdb_destroy_result(&result);
  if (!ran) return user_error("judge", "DuckDB refuses {}: {}", sql, message);
  return {};
}

Result<std::vector<Chunk>> Judge::rows_of(const std::string& sql) {
  duckdb_result result;
  if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
    const std::string message = duckdb_result_error(&result);
    duckdb_destroy_result(&result);
    return user_error("judge", "DuckDB refuses {}: {}", sql, message);
  }
  std::vector<Chunk> chunks;
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    chunks.push_back(Chunk::adopt(chunk));
  }
  duckdb_destroy_result(&result);
  return chunks;
}

Status Judge::take(const Case& one) {
  LEAT_TRY(
      run("DROP SCHEMA IF EXISTS one CASCADE; CREATE SCHEMA one; SET schema = 'one'; "
          "CREATE TABLE __taken (stream VARCHAR, rows BIGINT)"));
  for (const Relation& relation : one.relations) {
    if (relation.kind == Relation::Kind::table) {
      LEAT_TRY(make_table(relation));
      continue;
    }
    if (relation.kind == Relation::Kind::stream) {
      LEAT_TRY(make_stream(relation));
      if (relation.judge_sql.empty()) continue;
      LEAT_TRY(run(fmt::format("CREATE OR REPLACE VIEW {} AS {}", name_of(relation.name),
                               relation.judge_sql)));
      continue;
    }
    if (relation.kind == Relation::Kind::macro) {
      LEAT_TRY(
          run("CREATE MACRO " + name_of(relation.name) + with_windows_written_out(relation.sql)));
      continue;
    }
    std::string sql = relation.judge_sql.empty() ? relation.sql : relation.judge_sql;
    if (sql.empty()) sql = LEAT_TRY(latest_rows(relation));
    LEAT_TRY(run(fmt::format("CREATE VIEW {} AS {}", name_of(relation.name),
                             with_windows_written_out(sql))));
  }
  return {};
}

Status Judge::make_stream(const Relation& stream) {
  std::size_t rows = 0;
  for (const auto& step : stream.steps) rows += step.size();
  LEAT_TRY(make_rows(stream, rows));
  return make_view(stream, "<");
}

/// Its place is the step that a row is of, and the newest step counts alone.
Status Judge::make_table(const Relation& table) {
  LEAT_TRY(make_rows(table, table.steps.size()));
  return make_view(table, "= -1 +");
}

Status Judge::make_view(const Relation& relation, const std::string& comparison) {
  return run(fmt::format(
      "CREATE VIEW {} AS SELECT * EXCLUDE (__place) FROM {} WHERE __place {} "
      "(SELECT rows FROM __taken WHERE stream = '{}')",
      name_of(relation.name), name_of("__rows_" + relation.name), comparison, relation.name));
}

Status Judge::make_rows(const Relation& stream, std::size_t taken) {
  std::string columns;
  std::vector<Type> types;
  for (const InputColumn& column : stream.columns) {
    types.push_back(LEAT_TRY(Type::parse(column.type)));
    columns += fmt::format("{} {}, ", name_of(column.name), types.back().to_sql());
  }
  const std::string table = name_of("__rows_" + stream.name);
  LEAT_TRY(run(fmt::format("CREATE TABLE {} ({}__place BIGINT)", table, columns)));
  std::string values;
  std::size_t place = 0, number = 0;
  for (const auto& step : stream.steps) {
    const std::size_t step_number = number++;
    for (const InputRow& row : step) {
      const std::size_t at = stream.kind == Relation::Kind::table ? step_number : place++;
      if (row.late) continue;
      values += values.empty() ? "(" : ", (";
      for (std::size_t i = 0; i < types.size(); ++i) {
        values += cast_of(row.cells[i], types[i]) + ", ";
      }
      values += fmt::format("{})", at);
    }
  }
  if (!values.empty()) LEAT_TRY(run(fmt::format("INSERT INTO {} VALUES {}", table, values)));
  return run(fmt::format("INSERT INTO __taken VALUES ('{}', {})", stream.name, taken));
}

/// A view of the newest row per key, over a stream with rows of its own.
Result<std::string> Judge::latest_rows(const Relation& view) const {
  const YAML::Node settings = YAML::Load("{" + view.settings + "}");
  if (!settings["from"] || !settings["key"]) {
    return user_error("judge", "view {} has neither SQL nor from and key", view.name);
  }
  const std::string from = settings["from"].as<std::string>();
  std::string keys;
  for (const std::string& key : names_in(settings["key"])) {
    keys += (keys.empty() ? "" : ", ") + name_of(key);
  }
  const std::string version =
      settings["version"] ? name_of(settings["version"].as<std::string>()) + " DESC, " : "";
  const std::string deletes = settings["deletes"] ? settings["deletes"].as<std::string>() : "false";
  return fmt::format(
      "SELECT * EXCLUDE (__place, __newest, __gone) FROM (SELECT *, row_number() OVER (PARTITION "
      "BY {} ORDER BY {}__place DESC) AS __newest, ({}) AS __gone FROM {} WHERE __place < (SELECT "
      "rows FROM __taken WHERE stream = '{}')) WHERE __newest = 1 AND __gone IS NOT TRUE",
      keys, version, deletes, name_of("__rows_" + from), from);
}

Status Judge::only_the_first(const std::map<std::string, std::size_t>& rows) {
  for (const auto& [stream, count] : rows) {
    LEAT_TRY(run(fmt::format("UPDATE __taken SET rows = {} WHERE stream = '{}'", count, stream)));
  }
  return {};
}

Result<Table> Judge::answer(const Case& one) {
  const std::string& sql = one.query.judge_sql.empty() ? one.query.sql : one.query.judge_sql;
  LEAT_TRY(run("CREATE OR REPLACE TABLE __answer AS " + with_windows_written_out(sql)));
  return table_named("__answer");
}

Result<Table> Judge::read(const Schema& schema, std::span<const Chunk> rows) {
  std::string columns;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    columns += fmt::format("{}{} {}", i == 0 ? "" : ", ", name_of(schema[i].name),
                           schema[i].type.to_sql());
  }
  LEAT_TRY(run(fmt::format("CREATE OR REPLACE TABLE __came ({})", columns)));
  duckdb_appender appender;
  if (duckdb_appender_create(connection_, "one", "__came", &appender) != DuckDBSuccess) {
    return internal_error("judge", "rows can't be given to DuckDB");
  }
  bool added = true;
  for (const Chunk& chunk : rows) {
    added = added && duckdb_append_data_chunk(appender, chunk.handle()) == DuckDBSuccess;
  }
  const char* error = duckdb_appender_error(appender);
  const std::string message = error == nullptr ? "" : error;
  added = duckdb_appender_destroy(&appender) == DuckDBSuccess && added;
  if (!added) return internal_error("judge", "rows can't be given to DuckDB: {}", message);
  return table_named("__came");
}

Result<Table> Judge::table_named(const std::string& name) {
  duckdb_result result;
  if (duckdb_query(connection_, ("FROM " + name + " LIMIT 0").c_str(), &result) != DuckDBSuccess) {
    const std::string message = duckdb_result_error(&result);
    duckdb_destroy_result(&result);
    return internal_error("judge", "{}", message);
  }
  Table table;
  for (idx_t i = 0; i < duckdb_column_count(&result); ++i) {
    const LogicalType type(duckdb_column_logical_type(&result, i));
    table.columns.emplace_back(duckdb_column_name(&result, i));
    table.types.push_back(Type::from_logical(type.get()));
  }
  duckdb_destroy_result(&result);
  const auto chunks = LEAT_TRY(rows_of("SELECT COLUMNS(*)::VARCHAR FROM " + name));
  for (const Chunk& chunk : chunks) {
    const std::size_t first = table.rows.size();
    table.rows.resize(first + chunk.size());
    for (std::size_t column = 0; column < chunk.column_count(); ++column) {
      const auto* data =
          static_cast<const duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(column)));
      const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(column));
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        table.rows[first + row].push_back(is_valid(validity, row) ? Cell(text_of(data[row]))
                                                                  : std::nullopt);
      }
    }
  }
  return table;
}

}  // namespace leat::proof
