#pragma once

#include <string>
#include <vector>

#include <duckdb.h>
#include <gtest/gtest.h>

#include "model/chunk.h"
#include "model/chunk_copy.h"

namespace leat {

/// DuckDB in memory, as the judge in tests.
class DuckTestDatabase {
 public:
  DuckTestDatabase() {
    EXPECT_EQ(duckdb_open(nullptr, &database_), DuckDBSuccess);
    EXPECT_EQ(duckdb_connect(database_, &connection_), DuckDBSuccess);
  }
  ~DuckTestDatabase() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }
  DuckTestDatabase(const DuckTestDatabase&) = delete;
  DuckTestDatabase& operator=(const DuckTestDatabase&) = delete;

  /// The result's chunks; copies, as texts inside lists go with the result.
  std::vector<Chunk> chunks(const std::string& sql) {
    std::vector<Chunk> chunks;
    duckdb_result result;
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      ADD_FAILURE() << sql << ": " << duckdb_result_error(&result);
    } else {
      while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
        chunks.push_back(copy_of(Chunk::adopt(chunk)));
      }
    }
    duckdb_destroy_result(&result);
    return chunks;
  }

  /// The result's first column, which is VARCHAR.
  std::vector<std::string> texts(const std::string& sql) {
    std::vector<std::string> out;
    for (const Chunk& chunk : chunks(sql)) {
      const auto* data =
          static_cast<const duckdb_string_t*>(duckdb_vector_get_data(chunk.vector(0)));
      const std::uint64_t* validity = duckdb_vector_get_validity(chunk.vector(0));
      for (std::size_t row = 0; row < chunk.size(); ++row) {
        out.emplace_back(is_valid(validity, row) ? text_of(data[row]) : "NULL");
      }
    }
    return out;
  }

  /// The type of an expression.
  Type type_of(const std::string& expression) { return schema_of("SELECT " + expression)[0].type; }

  Schema schema_of(const std::string& sql) {
    duckdb_result result;
    std::vector<Column> columns;
    if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
      ADD_FAILURE() << sql << ": " << duckdb_result_error(&result);
    }
    for (idx_t i = 0; i < duckdb_column_count(&result); ++i) {
      const LogicalType type(duckdb_column_logical_type(&result, i));
      columns.push_back({duckdb_column_name(&result, i), Type::from_logical(type.get())});
    }
    duckdb_destroy_result(&result);
    return Schema(std::move(columns));
  }

  duckdb_connection connection() const { return connection_; }

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

}  // namespace leat
