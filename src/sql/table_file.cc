#include "sql/table_file.h"

#include "sql/engine.h"
#include "sql/engine_fault.h"

namespace leat::sql {
namespace {

/// The columns as DuckDB's readers take them: {'id': 'INTEGER', 'name': 'VARCHAR'}.
std::string types_of(const Schema& columns) {
  std::string out;
  for (const Column& column : columns) {
    if (!out.empty()) out += ", ";
    out += quoted_text(column.name) + ": " + quoted_text(column.type.to_sql());
  }
  return "{" + out + "}";
}

/// The call of the reader. With `columns` a text format's values are read as these types.
std::string call_of(const TableFile& file, const Schema* columns, const char* extra = "") {
  const std::string path = quoted_text(file.path);
  switch (file.format) {
    case TableFile::Format::parquet:
      return fmt::format("read_parquet({}, hive_partitioning = false)", path);
    case TableFile::Format::json:
      // Rows are found by the columns' names, and what a row lacks is NULL.
      return fmt::format("read_json({}, sample_size = -1, maximum_depth = -1{})", path,
                         columns == nullptr ? "" : ", columns = " + types_of(*columns));
    case TableFile::Format::csv:
      break;
  }
  // With the dialect left to be found out, a broken row would be taken for another dialect's.
  std::string call = fmt::format(
      "read_csv({}, header = {}, sample_size = -1, delim = {}, quote = '\"', escape = '\"'", path,
      file.header, quoted_text(file.delimiter));
  if (!file.null_text.empty()) call += ", nullstr = " + quoted_text(file.null_text);
  if (columns != nullptr) call += ", types = " + types_of(*columns);
  return call + extra + ")";
}

/// DuckDB explains a broken row over many lines, of which the first ones say what it is.
std::string first_lines(const std::string& message) {
  constexpr std::size_t lines_max = 3, bytes_max = 400;
  std::string out;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < message.size() && lines < lines_max;) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    if (end > at) {
      out += (out.empty() ? "" : "; ") + message.substr(at, end - at);
      ++lines;
    }
    at = end + 1;
  }
  return out.substr(0, bytes_max);
}

class EngineReader final : public TableFileReader {
 public:
  EngineReader(DatabaseHandle database, ConnectionHandle connection)
      : database_(std::move(database)), connection_(std::move(connection)) {}

  Result<Schema> columns(const TableFile& file) override {
    const auto statement = LEAT_TRY(prepared(file, "SELECT * FROM " + call_of(file, nullptr)));
    return columns_of(statement.get());
  }

  Status read(const TableFile& file, const Schema& columns,
              const std::function<Status(Chunk)>& sink) override {
    std::string list;
    for (const Column& column : columns) {
      // What Parquet has as another type is cast; the texts are of their types already.
      list += fmt::format("{}CAST({} AS {})", list.empty() ? "" : ", ", quoted_name(column.name),
                          column.type.to_sql());
    }
    const auto statement =
        LEAT_TRY(prepared(file, fmt::format("SELECT {} FROM {}", list, call_of(file, &columns))));
    duckdb_pending_result raw_pending = nullptr;
    const duckdb_state begun = duckdb_pending_prepared_streaming(statement.get(), &raw_pending);
    const PendingHandle pending(raw_pending);
    if (begun != DuckDBSuccess) return fault(file, duckdb_pending_error(raw_pending));
    ResultHandle result;
    if (duckdb_execute_pending(raw_pending, result.get()) != DuckDBSuccess) {
      return fault(file, duckdb_result_error(result.get()));
    }
    while (duckdb_data_chunk handle = duckdb_fetch_chunk(*result.get())) {
      Chunk chunk = Chunk::adopt(handle);
      if (chunk.size() > 0) LEAT_TRY(sink(std::move(chunk)));
    }
    if (const char* error = duckdb_result_error(result.get())) return fault(file, error);
    return {};
  }

 private:
  Result<StatementHandle> prepared(const TableFile& file, const std::string& sql) {
    duckdb_prepared_statement raw = nullptr;
    const duckdb_state state = duckdb_prepare(connection_.get(), sql.c_str(), &raw);
    StatementHandle statement(raw);
    if (state != DuckDBSuccess) return fault(file, duckdb_prepare_error(raw));
    return statement;
  }

  std::unexpected<Error> fault(const TableFile& file, const char* text) {
    const std::string message = engine_fault(text == nullptr ? "" : text).message;
    if (file.format == TableFile::Format::csv && message.contains("sniffing")) {
      return user_error("table-file", "{}: {}", file.path,
                        broken_row(file).value_or(
                            "its rows can't be told apart: a quote is not closed, or it is no CSV "
                            "with this delimiter"));
    }
    return user_error("table-file", "{}: {}", file.path, first_lines(message));
  }

  /// The first row that is no row of this CSV.
  std::optional<std::string> broken_row(const TableFile& file) {
    const auto rejecting = ", ignore_errors = true, store_rejects = true";
    ResultHandle counted;
    if (duckdb_query(connection_.get(),
                     ("SELECT count(*) FROM " + call_of(file, nullptr, rejecting)).c_str(),
                     counted.get()) != DuckDBSuccess) {
      return std::nullopt;
    }
    ResultHandle rejected;
    if (duckdb_query(connection_.get(),
                     "SELECT format('line {}: {}', line, error_message) FROM reject_errors "
                     "ORDER BY scan_id DESC, line LIMIT 1",
                     rejected.get()) != DuckDBSuccess) {
      return std::nullopt;
    }
    const Chunk chunk = Chunk::adopt(duckdb_fetch_chunk(*rejected.get()));
    if (chunk.handle() == nullptr || chunk.size() == 0) return std::nullopt;
    const auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
    return std::string(text_of(texts[0]));
  }

  const DatabaseHandle database_;
  const ConnectionHandle connection_;
};

}  // namespace

Result<std::unique_ptr<TableFileReader>> TableFileReader::open(const std::string& folder) {
  DatabaseHandle database = LEAT_TRY(open_engine(
      {.threads = 1, .memory_bytes_max = memory_bytes_max, .readable_folders = {folder}}));
  ConnectionHandle connection = LEAT_TRY(connect_engine(database.get()));
  return std::make_unique<EngineReader>(std::move(database), std::move(connection));
}

}  // namespace leat::sql
