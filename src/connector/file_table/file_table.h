#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/reference_table.h"
#include "connector/spec.h"
#include "connector/table_input.h"

namespace leat::connector {

/// The table's columns: what the file says, or `declared`, which then must be in it. Errors (user):
/// `table-file`; `table-missing` where there is no file.
Result<Schema> columns_of_file_table(const Schema& declared, const Settings& settings,
                                     const Context& context);

/// The reference table `file`. Errors (user): `table-file`.
Result<std::unique_ptr<ReferenceTable>> make_file_table(const TableInput& input,
                                                        const Settings& settings,
                                                        const Context& context);

}  // namespace leat::connector
