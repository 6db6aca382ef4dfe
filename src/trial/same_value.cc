#include "trial/same_value.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace leat::trial {
namespace {

constexpr double rounding_of_double = 1e-9, rounding_of_float = 1e-6;

bool near(double a, double b, std::optional<double> tolerance, double rounding) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  if (std::isinf(a) || std::isinf(b)) return false;
  const double allowed = tolerance.value_or(rounding * std::max(std::abs(a), std::abs(b)));
  // 0.1 apart is as far as 0.3 is from 0.2, whatever their bits say.
  return std::abs(a - b) <= allowed * (1 + rounding_of_double);
}

bool same_json(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto first = nlohmann::json::parse(a, nullptr, false);
  const auto second = nlohmann::json::parse(b, nullptr, false);
  return !first.is_discarded() && first == second;
}

/// Two values of a nested type, neither of them NULL.
class Nested {
 public:
  Nested(const Type& type, const VectorReader& a, std::size_t row_a, const VectorReader& b,
         std::size_t row_b, std::optional<double> tolerance)
      : type_(type), a_(a), row_a_(row_a), b_(b), row_b_(row_b), tolerance_(tolerance) {}

  bool same() const {
    switch (type_.id()) {
      case DUCKDB_TYPE_STRUCT:
        return same_fields();
      case DUCKDB_TYPE_ARRAY:
        return same_elements(row_a_ * type_.array_size(), row_b_ * type_.array_size(),
                             type_.array_size());
      default:
        break;
    }
    const duckdb_list_entry a = a_.list(row_a_), b = b_.list(row_b_);
    if (a.length != b.length) return false;
    return type_.id() == DUCKDB_TYPE_MAP ? same_entries(a, b)
                                         : same_elements(a.offset, b.offset, a.length);
  }

 private:
  bool same_fields() const {
    for (std::size_t i = 0; i < type_.fields().size(); ++i) {
      if (!same_value(type_.fields()[i].type, a_.child(i), row_a_, b_.child(i), row_b_,
                      tolerance_)) {
        return false;
      }
    }
    return true;
  }

  bool same_elements(std::size_t begin_a, std::size_t begin_b, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      if (!same_value(type_.element(), a_.child(), begin_a + i, b_.child(), begin_b + i,
                      tolerance_)) {
        return false;
      }
    }
    return true;
  }

  bool same_entries(duckdb_list_entry a, duckdb_list_entry b) const {
    for (std::size_t i = 0; i < a.length; ++i) {
      bool found = false;
      for (std::size_t k = 0; k < b.length && !found; ++k) {
        found = same_member(type_.map_key(), 0, a.offset + i, b.offset + k) &&
                same_member(type_.map_value(), 1, a.offset + i, b.offset + k);
      }
      if (!found) return false;
    }
    return true;
  }

  bool same_member(const Type& type, std::size_t member, std::size_t row_a,
                   std::size_t row_b) const {
    return same_value(type, a_.child().child(member), row_a, b_.child().child(member), row_b,
                      tolerance_);
  }

  const Type& type_;
  const VectorReader& a_;
  const std::size_t row_a_;
  const VectorReader& b_;
  const std::size_t row_b_;
  const std::optional<double> tolerance_;
};

}  // namespace

bool same_value(const Type& type, const VectorReader& a, std::size_t row_a, const VectorReader& b,
                std::size_t row_b, std::optional<double> tolerance) {
  if (!a.valid(row_a) || !b.valid(row_b)) return a.valid(row_a) == b.valid(row_b);
  if (type.is_nested()) return Nested(type, a, row_a, b, row_b, tolerance).same();
  if (type.is_json()) return same_json(a.text(row_a), b.text(row_b));
  if (type.id() == DUCKDB_TYPE_DOUBLE) {
    return near(a.value<double>(row_a), b.value<double>(row_b), tolerance, rounding_of_double);
  }
  if (type.id() == DUCKDB_TYPE_FLOAT) {
    return near(a.value<float>(row_a), b.value<float>(row_b), tolerance, rounding_of_float);
  }
  if (a.shape().kind == VectorShape::Kind::text) return a.text(row_a) == b.text(row_b);
  return std::memcmp(a.element(row_a), b.element(row_b), a.shape().width) == 0;
}

}  // namespace leat::trial
