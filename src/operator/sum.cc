#include <cmath>

#include "operator/compensated_sum.h"
#include "operator/double_accumulator.h"

namespace leat::op {
namespace {

using Function = sql::AggregateCall::Function;

/// A 128-bit number that needs an alignment of 8 only.
struct Wide {
  std::uint64_t low;
  std::int64_t high;

  __int128 value() const {
    return static_cast<__int128>((static_cast<unsigned __int128>(high) << 64) | low);
  }
  void set(__int128 value) {
    low = static_cast<std::uint64_t>(value);
    high = static_cast<std::int64_t>(value >> 64);
  }
};

struct WholeSum {
  std::int64_t count;
  Wide sum;
};

/// Sums of whole numbers and decimals, exact in 128 bits; avg divides at the end.
template <class T>
class WholeSumAccumulator final : public Accumulator {
 public:
  WholeSumAccumulator(std::size_t offset, std::size_t argument, bool average, double scale,
                      const Type& result)
      : offset_(offset),
        argument_(argument),
        average_(average),
        scale_(scale),
        shape_(VectorShape::of(result)) {}

  Status update(const GroupRows& rows) override {
    const T* values = values_of<T>(rows, argument_);
    bool overflow = false;
    for_each_value(rows, argument_, [&](std::size_t i, std::uint32_t row) {
      auto& state = part_of<WholeSum>(rows.groups[i], offset_);
      T value;
      std::memcpy(&value, values + row, sizeof value);
      const std::int64_t weight = rows.weight(i);
      __int128 sum;
      if constexpr (sizeof(T) == 16) {
        __int128 product;
        overflow |= __builtin_mul_overflow(static_cast<__int128>(value),
                                           static_cast<__int128>(weight), &product);
        overflow |= __builtin_add_overflow(state.sum.value(), product, &sum);
      } else {
        // 64-bit values: 2^63 of them fit.
        sum = state.sum.value() + static_cast<__int128>(value) * weight;
      }
      state.sum.set(sum);
      state.count += weight;
    });
    if (overflow) {
      return user_error("sum-overflow",
                        "a sum does not fit into 128 bits; cast the argument to DOUBLE");
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& state = part_of<WholeSum>(records[i], offset_);
      if (state.count == 0) {
        results.set_null(i);
      } else if (average_) {
        const auto sum = static_cast<double>(state.sum.value());
        results.set(i, sum / (static_cast<double>(state.count) * scale_));
      } else {
        results.set(i, state.sum.value());
      }
    }
    return {};
  }

 private:
  const std::size_t offset_;
  const std::size_t argument_;
  const bool average_;
  const double scale_;
  const VectorShape shape_;
};

enum class SumForm { sum, average };

std::optional<double> finish(SumForm form, double sum, std::int64_t count) {
  if (count == 0) return std::nullopt;
  return form == SumForm::average ? sum / static_cast<double>(count) : sum;
}

/// A sum of doubles that are only ever added to, as DuckDB adds them.
struct PlainSum {
  using Form = SumForm;
  std::int64_t count;
  double sum;

  void add(double value, std::int64_t weight) {
    sum += value * static_cast<double>(weight);
    count += weight;
  }
  std::optional<double> result(Form form) const { return finish(form, sum, count); }
};

/// A sum of doubles from which values are taken back.
struct RetractableSum {
  using Form = SumForm;
  std::int64_t count;
  SpecialCounts specials;
  CompensatedSum sum;

  void add(double value, std::int64_t weight) {
    count += weight;
    if (std::isfinite(value)) {
      sum.add_product(value, static_cast<double>(weight));
    } else {
      specials.add(value, weight);
    }
    // Nothing left: what rounding left behind goes too.
    if (count == 0) sum = {};
  }
  std::optional<double> result(Form form) const {
    return finish(form, specials.none() ? sum.value() : specials.sum(), count);
  }
};

}  // namespace

Result<std::unique_ptr<Accumulator>> make_sum(const sql::AggregateCall& call,
                                              const AccumulatorSite& site) {
  const std::size_t argument = call.arguments[0];
  const Type& type = site.type_of(argument);
  const bool average = call.function == Function::avg;
  std::unique_ptr<Accumulator> made;
  const double scale =
      type.id() == DUCKDB_TYPE_DECIMAL ? std::pow(10.0, type.decimal_scale()) : 1.0;
  const bool whole = with_whole_number(type, [&]<class T>() {
    made = std::make_unique<WholeSumAccumulator<T>>(site.record.add(sizeof(WholeSum)), argument,
                                                    average, scale, call.result);
  });
  const bool wide_result =
      call.result.id() == DUCKDB_TYPE_HUGEINT ||
      (call.result.id() == DUCKDB_TYPE_DECIMAL && call.result.decimal_width() > 18);
  if (average ? call.result.id() != DUCKDB_TYPE_DOUBLE : whole && !wide_result) {
    return not_incremental(call, type);
  }
  if (whole) return made;
  if (!DoubleReader::reads(type) || call.result.id() != DUCKDB_TYPE_DOUBLE) {
    return not_incremental(call, type);
  }
  const SumForm form = average ? SumForm::average : SumForm::sum;
  if (site.weighted) {
    return std::make_unique<DoubleAccumulator<RetractableSum>>(site, argument, form);
  }
  return std::make_unique<DoubleAccumulator<PlainSum>>(site, argument, form);
}

}  // namespace leat::op
