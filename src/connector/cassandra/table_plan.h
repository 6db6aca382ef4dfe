#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/cql_type.h"
#include "connector/sink_input.h"
#include "connector/spec.h"

namespace leat::connector::cql {

struct TableName {
  std::string keyspace, table;
  std::string quoted() const { return quoted_name(keyspace) + "." + quoted_name(table); }
  std::string shown() const { return keyspace + "." + table; }
};

/// `keyspace.table`; upper and lower case are kept. Error `bad-table` (user).
Result<TableName> parse_table_name(std::string_view text);

/// What a sink keeps in its table, as far as the input's columns and the settings say. Pure data.
struct TablePlan {
  TableName name;
  Schema schema;
  /// What a new table's columns are to be, by the input's column; where the user did not say, the
  /// type's own.
  std::map<std::size_t, std::string> types;
  /// Columns of the primary key, indices in the schema. Both empty: an existing table says it.
  std::vector<std::size_t> partition_key, clustering_key;
  /// Of the view; empty: of a stream, or of a view of one row.
  std::vector<std::size_t> view_key;
  bool rows_change = false;
  bool create = true;
  std::map<std::string, std::string> replication;
  std::int64_t ttl_seconds = 0;  ///< 0: for ever

  std::vector<std::size_t> primary_key() const;
  std::string create_keyspace() const;
  /// `vectors`: the server knows vector types.
  Result<std::string> create_table(bool vectors) const;
  Result<std::string> add_column(std::size_t column, bool vectors) const;

 private:
  Result<std::string> column_definition(std::size_t column, bool vectors) const;
};

/// Errors (user): `bad-table`, `bad-key`, `type-mismatch`, `needs-view`.
Result<TablePlan> plan_table(const SinkInput& input, const Settings& settings);

/// A column of a table that is there.
struct TableColumn {
  std::string name;
  enum class Role { partition_key, clustering_key, regular } role = Role::regular;
  int position = 0;  ///< in its part of the key
  bool counter = false;
};

/// How a plan and a table come together. Pure data.
struct TableMatch {
  /// The table's names of the input's columns; empty: it has no such column.
  std::vector<std::string> names;
  std::vector<std::size_t> partition_key, clustering_key;  ///< the input's columns
  std::vector<std::size_t> missing;                        ///< of the input's columns
};

/// Errors (user): `bad-key`, `counter-table`.
Result<TableMatch> match_table(const TablePlan& plan, const std::vector<TableColumn>& table);

}  // namespace leat::connector::cql
