#pragma once

#include <string_view>

#include "sql/query.h"

namespace leat::sql {

/// How SQL calls an aggregate function: `count` of count_star as well.
std::string_view name_of(AggregateCall::Function function);

}  // namespace leat::sql
