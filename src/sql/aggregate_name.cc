#include "sql/aggregate_name.h"

namespace leat::sql {

std::string_view name_of(AggregateCall::Function function) {
  using Function = AggregateCall::Function;
  switch (function) {
    case Function::count_star:
    case Function::count:
      return "count";
    case Function::sum:
      return "sum";
    case Function::avg:
      return "avg";
    case Function::min:
      return "min";
    case Function::max:
      return "max";
    case Function::first:
      return "first";
    case Function::last:
      return "last";
    case Function::arg_min:
      return "arg_min";
    case Function::arg_max:
      return "arg_max";
    case Function::stddev_samp:
      return "stddev_samp";
    case Function::stddev_pop:
      return "stddev_pop";
    case Function::var_samp:
      return "var_samp";
    case Function::var_pop:
      return "var_pop";
    case Function::bool_and:
      return "bool_and";
    case Function::bool_or:
      return "bool_or";
    case Function::approx_count_distinct:
      return "approx_count_distinct";
  }
  return "?";
}

}  // namespace leat::sql
