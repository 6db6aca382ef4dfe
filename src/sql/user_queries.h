#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/chunk.h"
#include "model/schema.h"
#include "sql/file_table.h"

namespace leat::sql {

/// Gives the rows of relations, all as of one snapshot: a query over several of them sees one
/// epoch. Lives for one query; called by the thread that runs it.
class Scanner {
 public:
  virtual ~Scanner() = default;
  /// Hands over the relation's rows, chunk by chunk, until `row_sink` says false. The chunks have
  /// the relation's columns and are only looked at during the call.
  virtual Status scan(const std::string& name,
                      const std::function<bool(const Chunk&)>& row_sink) = 0;
  /// Paths of the Parquet files that hold a FileTable's rows now.
  virtual Result<std::vector<std::string>> files(const std::string& name, std::stop_token stop) {
    (void)stop;
    return internal_error("no-files", "{} has no files", name);
  }
};

/// SQL from users, in a DuckDB of its own: no query slows or reaches the engine. One query that
/// reads (SELECT, WITH, VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW TABLES) per call, over the
/// relations and tables given and nothing else: no other files than the tables', no network, no
/// settings, no other tables. Thread-safe.
class UserQueries {
 public:
  struct Options {
    unsigned threads = 1;                        ///< DuckDB's own, for all queries together
    std::size_t memory_bytes_max = 512UL << 20;  ///< DuckDB's, for all queries together
    std::size_t scan_bytes_max = 256UL << 20;    ///< rows that one query may read, in memory
    unsigned concurrent_max = 8;                 ///< queries at once
    /// Functions of the pipeline's own, by name: what stands behind CREATE MACRO and the name. Each
    /// may call those before it.
    std::vector<std::pair<std::string, std::string>> macros = {};
  };
  struct Limits {
    std::chrono::milliseconds time{10'000};
    std::size_t rows_max = 100'000;  ///< the result is cut after these
  };
  struct Outcome {
    std::size_t rows = 0;
    bool truncated = false;  ///< there were more than rows_max rows
    std::chrono::microseconds elapsed{0};
  };
  using OnSchema = std::function<Status(const Schema&)>;
  using OnChunk = std::function<Status(const Chunk&)>;

  /// A table is read from its files by DuckDB itself, and does not count for `scan_bytes_max`.
  static Result<std::unique_ptr<UserQueries>> open(const Options& options,
                                                   std::map<std::string, Schema> relations,
                                                   std::map<std::string, FileTable> tables = {});
  virtual ~UserQueries() = default;

  /// Runs one query: calls `on_schema` once, then `on_chunk` for each part of the result. Their
  /// errors end the query and come out unchanged. Errors of its own:
  /// `sql-invalid` (user; the message begins with the place, "line 1, column 8: "), `not-allowed`
  /// (user: it reaches for something that is no stream or view), `not-read-only` (user),
  /// `row-failed` (user), `query-timeout` (user), `query-too-large` (user: memory),
  /// `query-cancelled` (user: `stop` was asked for), `files-unreadable` (external: a table's),
  /// `too-many-queries` (external, retryable).
  virtual Result<Outcome> run(std::string_view sql, Scanner& scanner, const Limits& limits,
                              std::stop_token stop, const OnSchema& on_schema,
                              const OnChunk& on_chunk) = 0;
};

}  // namespace leat::sql
