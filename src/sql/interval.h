#pragma once

#include <cstdint>

#include "sql/fault.h"
#include "sql/syntax.h"

namespace leat::sql {

/// The microseconds of an interval that stands in a query as a constant: INTERVAL '1 hour',
/// INTERVAL 5 MINUTE, '90 seconds'. Faults: `not-incremental` for months and years, whose lengths
/// differ; `type-mismatch` for all else, with `usage` as the remedy.
Analysed<std::int64_t> interval_us(const Node& argument, std::string_view usage);

/// The interval as a query would have it: INTERVAL '90 minutes'.
std::string interval_sql(std::int64_t us);

}  // namespace leat::sql
