#include "sql/parquet_reader.h"

#include "sql/engine.h"
#include "sql/engine_fault.h"

namespace leat::sql {
namespace {

class StreamingReader final : public ParquetReader {
 public:
  StreamingReader(DatabaseHandle database, ConnectionHandle connection)
      : database_(std::move(database)), connection_(std::move(connection)) {}

  Result<Schema> begin(const std::string& path) override {
    end();
    const std::string sql =
        fmt::format("SELECT * FROM read_parquet({}, hive_partitioning = false)", quoted_text(path));
    duckdb_prepared_statement raw = nullptr;
    const duckdb_state state = duckdb_prepare(connection_.get(), sql.c_str(), &raw);
    statement_.reset(raw);
    if (state != DuckDBSuccess) return damaged(duckdb_prepare_error(raw));
    duckdb_pending_result raw_pending = nullptr;
    const duckdb_state begun = duckdb_pending_prepared_streaming(raw, &raw_pending);
    const PendingHandle pending(raw_pending);
    if (begun != DuckDBSuccess) return damaged(duckdb_pending_error(raw_pending));
    result_ = std::make_unique<ResultHandle>();
    if (duckdb_execute_pending(raw_pending, result_->get()) != DuckDBSuccess) {
      return damaged(duckdb_result_error(result_->get()));
    }
    return columns_of(raw);
  }

  Result<std::optional<Chunk>> next() override {
    if (result_ == nullptr) return std::nullopt;
    while (duckdb_data_chunk handle = duckdb_fetch_chunk(*result_->get())) {
      Chunk chunk = Chunk::adopt(handle);
      if (chunk.size() > 0) return std::optional(std::move(chunk));
    }
    if (const char* error = duckdb_result_error(result_->get())) return damaged(error);
    end();
    return std::nullopt;
  }

 private:
  void end() {
    result_.reset();
    statement_.reset();
  }

  static std::unexpected<Error> damaged(const char* text) {
    return user_error("parquet-damaged", "it can't be read as Parquet: {}",
                      engine_fault(text).message);
  }

  const DatabaseHandle database_;
  const ConnectionHandle connection_;
  StatementHandle statement_;
  std::unique_ptr<ResultHandle> result_;
};

}  // namespace

Result<std::unique_ptr<ParquetReader>> ParquetReader::open(const std::string& folder) {
  DatabaseHandle database = LEAT_TRY(open_engine(
      {.threads = 1, .memory_bytes_max = memory_bytes_max, .readable_folders = {folder}}));
  ConnectionHandle connection = LEAT_TRY(connect_engine(database.get()));
  return std::make_unique<StreamingReader>(std::move(database), std::move(connection));
}

}  // namespace leat::sql
