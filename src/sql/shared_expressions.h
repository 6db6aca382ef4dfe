#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// The text of a SELECT over one relation, without joins, that runs over `input`. What WHERE
/// computes of each row that comes to it, and the SELECT list or WHERE computes once more
/// (`SELECT f(x) … WHERE f(x) <> ''`), is computed once: DuckDB shares within a SELECT list only.
/// Rows and failures are those of the query as it stands: nothing is computed of a row that is not
/// computed there.
Analysed<std::string> text_with_shared(Binding& binding, const Node& query,
                                       const Program::Input& input);

}  // namespace leat::sql
