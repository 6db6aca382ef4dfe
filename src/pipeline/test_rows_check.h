#pragma once

#include <string_view>
#include <vector>

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Rows as a test has them (`rows`: a list), read by the columns and types of a schema. Unknown
/// columns and values that a column can't hold are reported at their places.
std::vector<TestRow> check_rows(Scope& scope, const Node& rows, const Schema& schema,
                                std::string_view relation);

/// Whether a stream can be given rows at all: records have a form for each of its columns' types.
/// Reported at `name`.
bool check_row_columns(Scope& scope, const Node& name, const StreamNode& stream);

}  // namespace leat::pipeline
