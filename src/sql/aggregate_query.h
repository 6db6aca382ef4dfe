#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// Analyser::aggregate_query.
Analysed<AggregateQuery> analyse_aggregate_query(Binding& binding, std::string_view sql,
                                                 const Catalog& catalog);
/// The same of a query that is parsed already; `sql` is its text, or empty where nobody wrote it.
Analysed<AggregateQuery> analyse_aggregate_query(Binding& binding, const Node& query,
                                                 std::string_view sql, const Catalog& catalog);

}  // namespace leat::sql
