#pragma once

#include <random>
#include <string>
#include <vector>

namespace leat::proof {

/// What a value is, as far as it matters for what may be done with it.
enum class ValueKind { number, real, text, truth, day, time, list };

struct RandomColumn {
  std::string name;
  std::string type;
  ValueKind kind = ValueKind::number;
};

/// Makes SQL expressions over columns, of values small enough that none overflows and of fractions
/// that doubles hold exactly.
class RandomExpression {
 public:
  RandomExpression(std::mt19937_64& random, const std::vector<RandomColumn>& columns)
      : random_(random), columns_(columns) {}

  /// `depth`: how many operations may be nested.
  std::string number(int depth);
  std::string text(int depth);
  std::string truth(int depth);
  std::string literal(ValueKind kind);
  /// One to group by.
  std::string key();
  /// An aggregate, with FILTER or DISTINCT at times. `ordered`: rows have an order of arrival.
  std::string aggregate(bool ordered);

 private:
  const RandomColumn* column_of(ValueKind kind);
  std::string value(const RandomColumn& column);
  std::size_t any(std::size_t bound) { return random_() % bound; }

  std::mt19937_64& random_;
  const std::vector<RandomColumn>& columns_;
};

}  // namespace leat::proof
