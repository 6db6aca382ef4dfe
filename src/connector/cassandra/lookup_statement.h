#pragma once

#include <vector>

#include "base/error.h"
#include "connector/cassandra/session.h"
#include "connector/cassandra/table_plan.h"
#include "connector/cassandra/value_reader.h"
#include "connector/cassandra/value_writer.h"
#include "connector/table_input.h"

namespace leat::connector::cql {

/// A table that is ready to be looked up in: the statement, and how values get in and out of it.
struct LookupStatement {
  const Prepared* select = nullptr;
  std::vector<ValueWriter> key_writers;  ///< of the key's columns
  std::vector<ValueReader> readers;      ///< of all columns
};

/// Compares the table with what the pipeline says of it, and prepares the statement. Errors (user),
/// each with the difference and what to write: `table-missing`, `column-missing`, `bad-key`,
/// `type-mismatch`; those of the server.
Result<LookupStatement> open_lookup(Session& session, const TableName& name,
                                    const TableInput& input);

}  // namespace leat::connector::cql
