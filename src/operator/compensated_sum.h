#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace leat::op {

/// A sum of doubles with 106 bits: what is added and taken back again leaves no trace unless the
/// values differ by more than 10^31. All zeros is an empty sum.
struct CompensatedSum {
  double high;
  double low;

  void add(double value) {
    const double sum = high + value;
    const double part = sum - high;
    low += (high - (sum - part)) + (value - part);
    // Put in order again: the low part stays below the last bit of the high one.
    high = sum + low;
    low -= high - sum;
  }
  void add_product(double left, double right) {
    const double product = left * right;
    add(product);
    add(std::fma(left, right, -product));
  }
  double value() const { return high + low; }
};

/// How many values that are no finite numbers a sum holds, so that they can be taken back.
struct SpecialCounts {
  std::int64_t not_a_number;
  std::int64_t positive;
  std::int64_t negative;

  void add(double value, std::int64_t weight) {
    (std::isnan(value) ? not_a_number : value > 0 ? positive : negative) += weight;
  }
  bool none() const { return not_a_number == 0 && positive == 0 && negative == 0; }
  /// What adding them up gives; only where there are any.
  double sum() const {
    if (not_a_number != 0 || (positive != 0 && negative != 0)) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    return positive != 0 ? std::numeric_limits<double>::infinity()
                         : -std::numeric_limits<double>::infinity();
  }
};

}  // namespace leat::op
