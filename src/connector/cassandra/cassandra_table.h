#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/spec.h"
#include "connector/table.h"

namespace leat::connector {

/// What `leat check` finds in the settings and columns of a table. Errors (user): `bad-table`,
/// `type-mismatch`.
Status check_cassandra_table(const TableInput& input, const Settings& settings);

/// The table `cassandra`; connects to nothing yet. Errors (user): those, `invalid-host`,
/// `tls-files`. Its calls also give `table-missing`, `column-missing`, `bad-key`, `type-mismatch`
/// (user) and `cassandra-…`, the server's own.
Result<std::unique_ptr<Table>> make_cassandra_table(const TableInput& input,
                                                    const Settings& settings,
                                                    const Context& context);

}  // namespace leat::connector
