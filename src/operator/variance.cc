#include <cmath>
#include <limits>

#include "operator/compensated_sum.h"
#include "operator/double_accumulator.h"

namespace leat::op {
namespace {

using Function = sql::AggregateCall::Function;

struct VarianceForm {
  bool sample;  ///< divided by n - 1
  bool root;    ///< the standard deviation
};

/// From the sum of squared distances from the mean.
std::optional<double> finish(VarianceForm form, std::int64_t count, double squares) {
  if (count <= (form.sample ? 1 : 0)) return std::nullopt;
  if (std::isnan(squares)) return squares;
  if (count == 1) return 0;
  const double variance =
      std::max(squares, 0.0) / static_cast<double>(count - (form.sample ? 1 : 0));
  return form.root ? std::sqrt(variance) : variance;
}

/// Of values that are only ever added (Welford).
struct GrowingMoments {
  using Form = VarianceForm;
  std::int64_t count;
  double mean;
  double squares;  ///< sum of squared distances from the mean

  void add(double value, std::int64_t weight) {
    for (; weight > 0; --weight) {
      ++count;
      const double distance = value - mean;
      mean += distance / static_cast<double>(count);
      squares += distance * (value - mean);
    }
  }
  std::optional<double> result(Form form) const { return finish(form, count, squares); }
};

/// Of values that are also taken back: from sums with 106 bits, because taking back by Welford's
/// formula loses digits for good.
struct RetractableMoments {
  using Form = VarianceForm;
  std::int64_t count;
  std::int64_t not_finite;
  CompensatedSum sum;
  CompensatedSum square_sum;

  void add(double value, std::int64_t weight) {
    count += weight;
    if (!std::isfinite(value)) {
      not_finite += weight;
    } else {
      const auto factor = static_cast<double>(weight);
      const double square = value * value;
      sum.add_product(value, factor);
      square_sum.add_product(square, factor);
      square_sum.add_product(std::fma(value, value, -square), factor);
    }
    if (count == 0) *this = {};
  }
  std::optional<double> result(Form form) const { return finish(form, count, squares()); }

  /// sum((x - m)²) = sum(x²) - 2 m sum(x) + n m² for any m: with m near the mean little cancels.
  double squares() const {
    if (not_finite != 0) return std::numeric_limits<double>::quiet_NaN();
    if (count == 0) return 0;
    const auto rows = static_cast<double>(count);
    const double mean = sum.value() / rows;
    CompensatedSum squares = square_sum;
    squares.add_product(-2 * mean, sum.high);
    squares.add_product(-2 * mean, sum.low);
    const double square = mean * mean;
    squares.add_product(square, rows);
    squares.add_product(std::fma(mean, mean, -square), rows);
    return squares.value();
  }
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_variance(const sql::AggregateCall& call,
                                                   const AccumulatorSite& site) {
  const std::size_t argument = call.arguments[0];
  const Type& type = site.type_of(argument);
  if (!DoubleReader::reads(type)) return not_incremental(call, type);
  const VarianceForm form{
      call.function == Function::stddev_samp || call.function == Function::var_samp,
      call.function == Function::stddev_samp || call.function == Function::stddev_pop};
  if (site.weighted) {
    return std::make_unique<DoubleAccumulator<RetractableMoments>>(site, argument, form);
  }
  return std::make_unique<DoubleAccumulator<GrowingMoments>>(site, argument, form);
}

}  // namespace leat::op
