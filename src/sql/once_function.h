#pragma once

#include <duckdb.h>

#include "base/error.h"
#include "model/type.h"

namespace leat::sql {

/// A scalar function that gives its argument back, as it is, and is volatile: so DuckDB computes
/// the argument where it is written, once, and moves no condition below it.
inline constexpr const char* once_function = "__leat_once";

/// Whether it has a form for values of this type: those that lie in one vector and have no
/// parameters.
bool has_once(const Type& type);

/// Registers it in the database of this connection; once a database.
Status register_once_function(duckdb_connection connection);

}  // namespace leat::sql
