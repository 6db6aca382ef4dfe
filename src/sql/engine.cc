#include "sql/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/type.h"
#include "sql/engine_fault.h"

namespace leat::sql {

Result<DatabaseHandle> open_engine(const EngineOptions& options) {
  duckdb_config raw = nullptr;
  if (duckdb_create_config(&raw) != DuckDBSuccess) {
    return internal_error("sql-engine", "DuckDB gave no configuration");
  }
  const ConfigHandle config(raw);
  const std::string threads = std::to_string(options.threads);
  std::vector<std::pair<const char*, std::string>> settings = {
      {"threads", threads},
      {"external_threads", "1"},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
  };
  if (options.memory_bytes_max != 0) {
    settings.emplace_back("memory_limit", std::to_string(options.memory_bytes_max) + "B");
  }
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
      return internal_error("sql-engine", "this DuckDB does not know the setting {} = {}", name,
                            value);
    }
  }
  duckdb_database database = nullptr;
  char* error = nullptr;
  if (duckdb_open_ext(nullptr, &database, config.get(), &error) != DuckDBSuccess) {
    const std::string message = engine_fault(error).message;
    duckdb_free(error);
    return internal_error("sql-engine", "DuckDB did not open: {}", message);
  }
  DatabaseHandle handle(database);
  const ConnectionHandle connection = LEAT_TRY(connect_engine(database));
  // In this order: without a folder to spill into, what is too large says so.
  const std::string spill = options.folder.empty() ? "" : options.folder + "/spill";
  LEAT_TRY(execute(connection.get(), "SET GLOBAL temp_directory = " + quoted_text(spill)));
  std::vector<std::string> allowed;
  if (!options.folder.empty()) allowed.push_back(quoted_text(options.folder));
  for (const std::string& folder : options.readable_folders) allowed.push_back(quoted_text(folder));
  if (!allowed.empty()) {
    LEAT_TRY(execute(connection.get(), fmt::format("SET GLOBAL allowed_directories = [{}]",
                                                   fmt::join(allowed, ", "))));
  }
  LEAT_TRY(execute(connection.get(), "SET GLOBAL enable_external_access = false"));
  LEAT_TRY(execute(connection.get(), "SET GLOBAL TimeZone = 'UTC'"));
  return handle;
}

Result<ConnectionHandle> connect_engine(duckdb_database database) {
  duckdb_connection raw = nullptr;
  if (duckdb_connect(database, &raw) != DuckDBSuccess) {
    return internal_error("sql-engine", "DuckDB gave no connection");
  }
  ConnectionHandle connection(raw);
  LEAT_TRY(execute(connection.get(), "SET errors_as_json = true"));
  return connection;
}

Status execute(duckdb_connection connection, const std::string& sql) {
  ResultHandle result;
  if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
    return internal_error("sql-engine", "{} (in: {})",
                          engine_fault(duckdb_result_error(result.get())).message, sql);
  }
  return {};
}

Schema columns_of(duckdb_prepared_statement statement) {
  std::vector<Column> columns;
  const idx_t count = duckdb_prepared_statement_column_count(statement);
  columns.reserve(count);
  for (idx_t i = 0; i < count; ++i) {
    const LogicalType type(duckdb_prepared_statement_column_logical_type(statement, i));
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    columns.push_back({name == nullptr ? "" : name, Type::from_logical(type.get())});
    duckdb_free(const_cast<char*>(name));
  }
  return Schema(std::move(columns));
}

std::string column_definitions(const Schema& schema) {
  std::string out;
  for (const Column& column : schema) {
    if (!out.empty()) out += ", ";
    out += quoted_name(column.name) + " " + column.type.to_sql();
  }
  return out;
}

namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

std::string quoted_name(std::string_view name) { return quoted(name, '"'); }
std::string quoted_text(std::string_view text) { return quoted(text, '\''); }

}  // namespace leat::sql
