#pragma once

#include "sql/binding.h"

namespace leat::sql {

/// What a call of an aggregate function asks for, before its arguments have a place.
struct AggregateForm {
  AggregateCall::Function function;
  std::vector<Node> arguments;
  std::optional<Node> filter;
  bool distinct = false;
};

/// From a FUNCTION node whose name is an aggregate's. `not-incremental`, with the remedy, for what
/// can't be kept up to date; `weighted`: rows may be taken back.
Analysed<AggregateForm> aggregate_form(const Node& call, bool weighted);

/// The type to which the first argument is cast before it is aggregated, so that the aggregate sees
/// few types: sums and averages BIGINT, HUGEINT, DECIMAL or DOUBLE; deviations DOUBLE; bool_and and
/// bool_or BOOLEAN. `result`: DuckDB's type of the whole call.
Analysed<Type> argument_type(const AggregateForm& form, const Type& argument, const Type& result,
                             std::size_t position);

/// `not-incremental` where min, max, arg_min or arg_max (called `name`) go by a value of this type,
/// whose order is kept otherwise than DuckDB has it: inside of lists and structs its NULLs come
/// last.
Analysed<void> check_ordered(const AggregateForm& form, const std::string& name,
                             const Type& ordered_by, std::size_t position);

/// The type of what the aggregate yields, given DuckDB's type of the call as the user wrote it.
Type aggregate_type(const AggregateForm& form, const Type& result);

}  // namespace leat::sql
