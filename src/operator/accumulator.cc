#include "operator/accumulator.h"

#include "sql/aggregate_name.h"

namespace leat::op {

using Function = sql::AggregateCall::Function;

std::size_t AccumulatorSite::encode(Accumulator::Encoding::Kind kind,
                                    std::vector<std::size_t> columns) const {
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    if (encodings[i].kind == kind && encodings[i].columns == columns) return i;
  }
  encodings.push_back({kind, std::move(columns)});
  return encodings.size() - 1;
}

std::unexpected<Error> not_incremental(const sql::AggregateCall& call, const Type& type) {
  return user_error(
      "not-incremental",
      "{} over {} cannot be kept up to date row by row; cast the argument to a number "
      "or text that it can take",
      sql::name_of(call.function), type.to_sql());
}

bool combines(const sql::AggregateCall& call) {
  switch (call.function) {
    case Function::count_star:
    case Function::bool_and:
    case Function::bool_or:
    case Function::min:
    case Function::max:
    case Function::arg_min:
    case Function::arg_max:
      return true;
    case Function::count:
    case Function::sum:
    case Function::avg:
      return !call.distinct;
    case Function::first:
    case Function::last:
    case Function::stddev_samp:
    case Function::stddev_pop:
    case Function::var_samp:
    case Function::var_pop:
    case Function::approx_count_distinct:
      return false;
  }
  return false;
}

Status Accumulator::combine(const GroupParts&) {
  return internal_error("not-combined", "an aggregate that is not made of parts was given some");
}

Result<std::unique_ptr<Accumulator>> make_accumulator(const sql::AggregateCall& call,
                                                      const AccumulatorSite& site) {
  for (const std::size_t column : call.arguments) {
    if (!VectorShape::supports(site.type_of(column))) {
      return not_incremental(call, site.type_of(column));
    }
  }
  if (call.distinct && (call.function == Function::count || call.function == Function::sum ||
                        call.function == Function::avg)) {
    return make_distinct(call, site);
  }
  switch (call.function) {
    case Function::count_star:
    case Function::count:
    case Function::bool_and:
    case Function::bool_or:
      return make_counter(call, site);
    case Function::sum:
    case Function::avg:
      return make_sum(call, site);
    case Function::stddev_samp:
    case Function::stddev_pop:
    case Function::var_samp:
    case Function::var_pop:
      if (call.distinct) {
        return user_error("not-incremental",
                          "{}(DISTINCT …) cannot be kept up to date; only "
                          "count, sum and avg take DISTINCT",
                          sql::name_of(call.function));
      }
      return make_variance(call, site);
    case Function::min:
    case Function::max:
    case Function::arg_min:
    case Function::arg_max:
      return make_extreme(call, site);
    case Function::first:
    case Function::last:
      if (site.weighted) {
        return user_error("not-incremental",
                          "{} over a view has no order of arrival to go by; use arg_min or arg_max "
                          "with a column that says which row comes first",
                          sql::name_of(call.function));
      }
      return make_arrival(call, site);
    case Function::approx_count_distinct:
      return make_distinct_estimate(call, site);
  }
  return internal_error("unknown-aggregate", "an aggregate function without an accumulator");
}

}  // namespace leat::op
