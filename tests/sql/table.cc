#include "table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace leat::proof {
namespace {

constexpr std::size_t lines_max = 30;

bool is_floating(const Type& type) {
  return type.id() == DUCKDB_TYPE_DOUBLE || type.id() == DUCKDB_TYPE_FLOAT;
}

double number_of(const Cell& cell) {
  return cell ? std::strtod(cell->c_str(), nullptr) : -HUGE_VAL;
}

bool same_number(const Type& type, const Cell& a, const Cell& b) {
  if (a == b) return true;
  if (!a || !b) return false;
  const double first = number_of(a), second = number_of(b);
  if (std::isnan(first) || std::isnan(second)) return std::isnan(first) && std::isnan(second);
  if (std::isinf(first) || std::isinf(second)) return first == second;
  const double rounding = type.id() == DUCKDB_TYPE_FLOAT ? 1e-6 : 1e-9;
  // What cancels out leaves the rounding of what it was made of.
  return std::abs(first - second) <=
         std::max(rounding * std::max(std::abs(first), std::abs(second)), 1e-12);
}

/// Orders rows by what must be equal to the letter, then by numbers that need not.
class Order {
 public:
  explicit Order(const std::vector<Type>& types) : types_(types) {}

  int compare_exact(const Cells& a, const Cells& b) const {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (i < types_.size() && is_floating(types_[i])) continue;
      if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
  }
  int compare(const Cells& a, const Cells& b) const {
    if (const int order = compare_exact(a, b); order != 0) return order;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (!is_floating(types_[i]) || same_number(types_[i], a[i], b[i])) continue;
      if (std::isnan(number_of(a[i])) != std::isnan(number_of(b[i]))) {
        return std::isnan(number_of(b[i])) ? -1 : 1;
      }
      return number_of(a[i]) < number_of(b[i]) ? -1 : 1;
    }
    return 0;
  }

 private:
  const std::vector<Type>& types_;
};

}  // namespace

std::optional<std::string> difference(const std::vector<Type>& types, std::vector<Cells> wanted,
                                      std::vector<Cells> came) {
  const Order order(types);
  const auto before = [&](const Cells& a, const Cells& b) { return order.compare(a, b) < 0; };
  std::ranges::sort(wanted, before);
  std::ranges::sort(came, before);
  std::string out;
  std::size_t lines = 0;
  const auto add = [&](char mark, const Cells& cells) {
    if (++lines <= lines_max) out += fmt::format("  {} {}\n", mark, to_text(cells));
  };
  std::size_t a = 0, b = 0;
  while (a < wanted.size() || b < came.size()) {
    const int next = a == wanted.size() ? 1
                     : b == came.size() ? -1
                                        : order.compare(wanted[a], came[b]);
    if (next < 0) add('-', wanted[a]);
    if (next > 0) add('+', came[b]);
    a += next <= 0 ? 1 : 0;
    b += next >= 0 ? 1 : 0;
  }
  if (lines == 0) return std::nullopt;
  if (lines > lines_max) out += fmt::format("  … and {} more\n", lines - lines_max);
  return out;
}

std::optional<std::string> difference(const Table& wanted, const Table& came) {
  if (wanted.columns != came.columns) {
    return fmt::format("  - columns {}\n  + columns {}\n", fmt::join(wanted.columns, ", "),
                       fmt::join(came.columns, ", "));
  }
  for (std::size_t i = 0; i < wanted.types.size(); ++i) {
    if (wanted.types[i] == came.types[i]) continue;
    return fmt::format("  - {} {}\n  + {} {}\n", wanted.columns[i], wanted.types[i].to_sql(),
                       came.columns[i], came.types[i].to_sql());
  }
  return difference(wanted.types, wanted.rows, came.rows);
}

}  // namespace leat::proof
