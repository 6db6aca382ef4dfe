#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "connector/cassandra/session.h"
#include "connector/cassandra/table_plan.h"
#include "connector/cassandra/value_writer.h"

namespace leat::connector::cql {

/// Whether statements write NULL, or leave what is there.
enum class Nulls { delete_, keep };

/// A table that is ready to be written to: the statements, and how a row's values become theirs.
struct TargetTable {
  const Prepared* insert = nullptr;  ///< values, then the timestamp
  const Prepared* remove = nullptr;  ///< the timestamp, then the key's values
  /// The input's columns in the order of the statement: partition key, clustering key, others.
  std::vector<std::size_t> columns;
  std::vector<ValueWriter> writers;  ///< of `columns`
  std::size_t partition_columns = 0;
  std::size_t key_columns = 0;
};

/// What there is of the plan's table: its columns; empty: there is none.
Result<std::vector<TableColumn>> read_table(Session& session, const TableName& name);

/// Makes what is missing, if the plan says so, and prepares the statements. Errors (user):
/// `table-missing`, `column-missing`, and those of `match_table`; those of the server.
Result<TargetTable> open_table(Session& session, const TablePlan& plan);

/// Looks only. Gives in a few words what `open_table` would find and make.
Result<std::string> probe_table(Session& session, const TablePlan& plan);

}  // namespace leat::connector::cql
