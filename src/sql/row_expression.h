#pragma once

#include "sql/binding.h"
#include "sql/refusal.h"

namespace leat::sql {

/// Analyser::predicate.
Analysed<std::string> analyse_predicate(Binding& binding, std::string_view expression,
                                        const Schema& schema, Now now);

/// Analyser::row_expression.
Analysed<Type> analyse_row_expression(Binding& binding, std::string_view expression,
                                      const Schema& schema);

}  // namespace leat::sql
