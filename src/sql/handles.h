#pragma once

#include <memory>
#include <string>

#include <duckdb.h>

namespace leat::sql {

/// Owners of DuckDB's handles: each is destroyed by the function that DuckDB has for it.
struct DatabaseDeleter {
  void operator()(duckdb_database handle) const { duckdb_close(&handle); }
};
struct ConnectionDeleter {
  void operator()(duckdb_connection handle) const { duckdb_disconnect(&handle); }
};
struct StatementDeleter {
  void operator()(duckdb_prepared_statement handle) const { duckdb_destroy_prepare(&handle); }
};
struct PendingDeleter {
  void operator()(duckdb_pending_result handle) const { duckdb_destroy_pending(&handle); }
};
struct ExtractedDeleter {
  void operator()(duckdb_extracted_statements handle) const { duckdb_destroy_extracted(&handle); }
};
struct ConfigDeleter {
  void operator()(duckdb_config handle) const { duckdb_destroy_config(&handle); }
};
struct SelectionDeleter {
  void operator()(duckdb_selection_vector handle) const { duckdb_destroy_selection_vector(handle); }
};

template <class Handle, class Deleter>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Deleter>;

using DatabaseHandle = Owned<duckdb_database, DatabaseDeleter>;
using ConnectionHandle = Owned<duckdb_connection, ConnectionDeleter>;
using StatementHandle = Owned<duckdb_prepared_statement, StatementDeleter>;
using PendingHandle = Owned<duckdb_pending_result, PendingDeleter>;
using ExtractedHandle = Owned<duckdb_extracted_statements, ExtractedDeleter>;
using ConfigHandle = Owned<duckdb_config, ConfigDeleter>;
using SelectionHandle = Owned<duckdb_selection_vector, SelectionDeleter>;

/// A result, filled by the C functions through `get()`.
class ResultHandle {
 public:
  ResultHandle() : result_{} {}
  ~ResultHandle() { duckdb_destroy_result(&result_); }
  ResultHandle(const ResultHandle&) = delete;
  ResultHandle& operator=(const ResultHandle&) = delete;
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_;
};

}  // namespace leat::sql
