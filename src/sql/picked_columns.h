#pragma once

#include "sql/lookup_join.h"

namespace leat::sql {

/// Fills in RowQuery::found and `passes` where a query with lookups, which can be run `beside`,
/// only picks columns of the stream and of the rows that it finds.
void pick_columns(const Node& query, const LookupJoins& joins, const Schema& stream, RowQuery& out);

}  // namespace leat::sql
