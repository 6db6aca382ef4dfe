#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// Analyser::aggregate_query.
Analysed<AggregateQuery> analyse_aggregate_query(Binding& binding, std::string_view sql,
                                                 const Catalog& catalog);

}  // namespace leat::sql
