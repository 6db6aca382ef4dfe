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

/// A number of 192 bits: no count of rows brings a sum of 128-bit values beyond it, so that what is
/// taken back later makes it right again.
struct Wider {
  std::uint64_t words[3];  ///< two's complement, the lowest first

  void add_product(__int128 value, std::int64_t weight) {
    using Unsigned = unsigned __int128;
    const Unsigned magnitude =
        value < 0 ? -static_cast<Unsigned>(value) : static_cast<Unsigned>(value);
    const std::uint64_t times =
        weight < 0 ? -static_cast<std::uint64_t>(weight) : static_cast<std::uint64_t>(weight);
    const Unsigned low = static_cast<Unsigned>(static_cast<std::uint64_t>(magnitude)) * times;
    const Unsigned high =
        static_cast<Unsigned>(static_cast<std::uint64_t>(magnitude >> 64)) * times + (low >> 64);
    const std::uint64_t product[3] = {static_cast<std::uint64_t>(low),
                                      static_cast<std::uint64_t>(high),
                                      static_cast<std::uint64_t>(high >> 64)};
    const bool negative = (value < 0) != (weight < 0);
    // To subtract is to add the complement and one.
    Unsigned carry = negative ? 1 : 0;
    for (int i = 0; i < 3; ++i) {
      carry += words[i];
      carry += negative ? ~product[i] : product[i];
      words[i] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
  void add(const Wider& other) {
    unsigned __int128 carry = 0;
    for (int i = 0; i < 3; ++i) {
      carry += words[i];
      carry += other.words[i];
      words[i] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
  bool fits() const { return words[2] == (words[1] >> 63 != 0 ? ~std::uint64_t{0} : 0); }
  /// Of one that fits.
  __int128 value() const {
    return static_cast<__int128>((static_cast<unsigned __int128>(words[1]) << 64) | words[0]);
  }
  double as_double() const {
    if (fits()) return static_cast<double>(value());
    return std::ldexp(static_cast<double>(static_cast<std::int64_t>(words[2])), 128) +
           std::ldexp(static_cast<double>(words[1]), 64);
  }
};

struct WholeSum {
  std::int64_t count;
  Wide sum;

  void add(__int128 value, std::int64_t weight) {
    // 64-bit values: 2^63 of them fit.
    sum.set(sum.value() + value * weight);
    count += weight;
  }
  void add(const WholeSum& other) {
    sum.set(sum.value() + other.sum.value());
    count += other.count;
  }
  static constexpr bool fits() { return true; }
  double as_double() const { return static_cast<double>(sum.value()); }
};

struct WiderSum {
  std::int64_t count;
  Wider sum;

  void add(__int128 value, std::int64_t weight) {
    sum.add_product(value, weight);
    count += weight;
  }
  void add(const WiderSum& other) {
    sum.add(other.sum);
    count += other.count;
  }
  bool fits() const { return sum.fits(); }
  double as_double() const { return sum.as_double(); }
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

  using State = std::conditional_t<sizeof(T) == 16, WiderSum, WholeSum>;

  Status update(const GroupRows& rows) override {
    const T* values = values_of<T>(rows, argument_);
    for_each_value(rows, argument_, [&](std::size_t i, std::uint32_t row) {
      T value;
      std::memcpy(&value, values + row, sizeof value);
      part_of<State>(rows.groups[i], offset_).add(value, rows.weight(i));
    });
    return {};
  }

  Status combine(const GroupParts& parts) override {
    for (std::size_t i = 0; i < parts.parts.size(); ++i) {
      part_of<State>(parts.groups[i], offset_).add(part_of<State>(parts.parts[i], offset_));
    }
    return {};
  }

  Status finalise(std::span<const std::byte* const> records, Chunk& out,
                  std::size_t column) const override {
    VectorWriter results(shape_, out.vector(column));
    for (std::size_t i = 0; i < records.size(); ++i) {
      const auto& state = part_of<State>(records[i], offset_);
      if (state.count == 0) {
        results.set_null(i);
      } else if (average_) {
        results.set(i, state.as_double() / (static_cast<double>(state.count) * scale_));
      } else if (!state.fits()) {
        return user_error("sum-overflow",
                          "a sum does not fit into 128 bits; cast its argument to DOUBLE");
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
  void add(const PlainSum& other) {
    sum += other.sum;
    count += other.count;
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

bool keeps_wide_sum(const sql::AggregateCall& call) {
  if (call.function != Function::sum && call.function != Function::avg) return false;
  bool wide = false;
  with_whole_number(call.argument_type, [&]<class T>() { wide = sizeof(T) == 16; });
  return wide;
}

Result<std::unique_ptr<Accumulator>> make_sum(const sql::AggregateCall& call,
                                              const AccumulatorSite& site) {
  const std::size_t argument = call.arguments[0];
  const Type& type = site.type_of(argument);
  const bool average = call.function == Function::avg;
  std::unique_ptr<Accumulator> made;
  const double scale =
      type.id() == DUCKDB_TYPE_DECIMAL ? std::pow(10.0, type.decimal_scale()) : 1.0;
  const bool whole = with_whole_number(type, [&]<class T>() {
    using State = typename WholeSumAccumulator<T>::State;
    made = std::make_unique<WholeSumAccumulator<T>>(site.record.add(sizeof(State)), argument,
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
