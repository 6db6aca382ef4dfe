#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// The columns that a stream decodes from a topic's records, and where each stands in the file.
struct CheckedColumns {
  std::vector<DecodedColumn> columns;
  std::vector<Location> at;
};

/// Checks the mapping `columns:` of a stream over records of `format`. Nothing is returned when
/// there was a fault, which is reported.
std::optional<CheckedColumns> check_columns(Scope& scope, const Node& columns,
                                            const StreamNode& stream);

}  // namespace leat::pipeline
