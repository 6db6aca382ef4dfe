#include <cmath>
#include <limits>

#include "operator/accumulator.h"
#include "operator/compensated_sum.h"
#include "operator/number_column.h"

namespace leat::op {
namespace {

using Function = sql::AggregateCall::Function;

struct Form {
  bool sample;  ///< divided by n - 1
  bool root;    ///< the standard deviation
};

/// Writes the result from the sum of squared distances from the mean; false: NULL.
bool finish(Form form, std::int64_t count, double squares, double& result) {
  if (count <= (form.sample ? 1 : 0)) return false;
  if (count == 1) {
    result = 0;
    return true;
  }
  result = std::max(squares, 0.0) / static_cast<double>(count - (form.sample ? 1 : 0));
  if (std::isnan(squares)) result = squares;
  if (form.root) result = std::sqrt(result);
  return true;
}

struct Moments {
  std::int64_t count;
  double mean;
  double squares;  ///< sum of squared distances from the mean
};

/// Variances of values that are only ever added (Welford).
class GrowingVariance final : public Accumulator {
 public:
  GrowingVariance(std::size_t offset, std::size_t argument, Form form, const Type& type)
      : offset_(offset),
        argument_(argument),
        form_(form),
        reader_(type),
        shape_(VectorShape::of(Type::of(DUCKDB_TYPE_DOUBLE))) {}

  Status update(const GroupRows& rows) override {
    reader_.for_each(rows, argument_, [&](std::size_t i, std::uint32_t, double value) {
      auto& state = part_of<Moments>(rows.groups[i], offset_);
      for (std::int64_t times = rows.weight(i); times > 0; --times) {
        ++state.count;
        const double distance = value - state.mean;
        state.mean += distance / static_cast<double>(state.count);
        state.squares += distance * (value - state.mean);
      }
    });
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& state = part_of<Moments>(records[i], offset_);
      double result;
      if (finish(form_, state.count, state.squares, result)) {
        results.set(i, result);
      } else {
        results.set_null(i);
      }
    }
    return {};
  }

 private:
  const std::size_t offset_;
  const std::size_t argument_;
  const Form form_;
  const DoubleReader reader_;
  const VectorShape shape_;
};

struct RetractableMoments {
  std::int64_t count;
  std::int64_t not_finite;
  CompensatedSum sum;
  CompensatedSum square_sum;
};

/// Variances of values that are also taken back: from sums with 106 bits, because taking back by
/// Welford's formula loses digits for good.
class RetractableVariance final : public Accumulator {
 public:
  RetractableVariance(std::size_t offset, std::size_t argument, Form form, const Type& type)
      : offset_(offset),
        argument_(argument),
        form_(form),
        reader_(type),
        shape_(VectorShape::of(Type::of(DUCKDB_TYPE_DOUBLE))) {}

  Status update(const GroupRows& rows) override {
    reader_.for_each(rows, argument_, [&](std::size_t i, std::uint32_t, double value) {
      auto& state = part_of<RetractableMoments>(rows.groups[i], offset_);
      const std::int64_t weight = rows.weight(i);
      state.count += weight;
      if (!std::isfinite(value)) {
        state.not_finite += weight;
      } else {
        const auto factor = static_cast<double>(weight);
        const double square = value * value;
        state.sum.add_product(value, factor);
        state.square_sum.add_product(square, factor);
        state.square_sum.add_product(std::fma(value, value, -square), factor);
      }
      if (state.count == 0) state = {};
    });
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& state = part_of<RetractableMoments>(records[i], offset_);
      double result;
      if (finish(form_, state.count, squares_of(state), result)) {
        results.set(i, result);
      } else {
        results.set_null(i);
      }
    }
    return {};
  }

 private:
  /// sum(x²) - sum(x)² / n, the difference taken with all 106 bits.
  static double squares_of(const RetractableMoments& state) {
    if (state.not_finite != 0) return std::numeric_limits<double>::quiet_NaN();
    if (state.count == 0) return 0;
    const auto count = static_cast<double>(state.count);
    const double mean = state.sum.value() / count;
    // sum((x - m)²) = sum(x²) - 2 m sum(x) + n m² for any m: with m near the mean little cancels.
    CompensatedSum squares = state.square_sum;
    squares.add_product(-2 * mean, state.sum.high);
    squares.add_product(-2 * mean, state.sum.low);
    const double square = mean * mean;
    squares.add_product(square, count);
    squares.add_product(std::fma(mean, mean, -square), count);
    return squares.value();
  }

  const std::size_t offset_;
  const std::size_t argument_;
  const Form form_;
  const DoubleReader reader_;
  const VectorShape shape_;
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_variance(const sql::AggregateCall& call,
                                                   const AccumulatorSite& site) {
  const std::size_t argument = call.arguments[0];
  const Type& type = site.type_of(argument);
  if (!DoubleReader::reads(type)) return not_incremental(call, type);
  const Form form{call.function == Function::stddev_samp || call.function == Function::var_samp,
                  call.function == Function::stddev_samp || call.function == Function::stddev_pop};
  if (site.weighted) {
    return std::make_unique<RetractableVariance>(site.record.add(sizeof(RetractableMoments)),
                                                 argument, form, type);
  }
  return std::make_unique<GrowingVariance>(site.record.add(sizeof(Moments)), argument, form, type);
}

}  // namespace leat::op
