#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <duckdb.h>

#include "case_file.h"
#include "model/chunk.h"
#include "model/schema.h"
#include "table.h"

namespace leat::proof {

/// DuckDB, which is asked the same SQL over all the input at once. Used by one thread.
class Judge {
 public:
  static Result<std::unique_ptr<Judge>> open();
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// Forgets the case before and takes in the whole input of this one.
  Status take(const Case& one);
  /// From now on only these rows have come, by stream, in their order.
  Status only_the_first(const std::map<std::string, std::size_t>& rows);
  Result<Table> answer(const Case& one);
  /// Rows of Leat's, as DuckDB writes them.
  Result<Table> read(const Schema& schema, std::span<const Chunk> rows);

 private:
  Judge() = default;
  Status run(const std::string& sql);
  Result<std::vector<Chunk>> rows_of(const std::string& sql);
  Status make_stream(const Relation& stream);
  Status make_table(const Relation& table);
  Status make_rows(const Relation& relation, std::size_t taken);
  Status make_view(const Relation& relation, const std::string& comparison);
  Result<std::string> latest_rows(const Relation& view) const;
  Result<Table> table_named(const std::string& name);

  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

}  // namespace leat::proof
