#pragma once

#include <cmath>
#include <vector>

#include "base/check.h"
#include "operator/accumulator.h"

namespace leat::op {

/// Calls `use.template operator()<T>()` with the C++ type that whole numbers of this SQL type have
/// in a vector (a decimal's are those of its unscaled number); false for other types.
template <class Use>
bool with_whole_number(const Type& type, Use&& use) {
  switch (type.id()) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
      use.template operator()<std::int8_t>();
      return true;
    case DUCKDB_TYPE_SMALLINT:
      use.template operator()<std::int16_t>();
      return true;
    case DUCKDB_TYPE_INTEGER:
      use.template operator()<std::int32_t>();
      return true;
    case DUCKDB_TYPE_BIGINT:
      use.template operator()<std::int64_t>();
      return true;
    case DUCKDB_TYPE_UTINYINT:
      use.template operator()<std::uint8_t>();
      return true;
    case DUCKDB_TYPE_USMALLINT:
      use.template operator()<std::uint16_t>();
      return true;
    case DUCKDB_TYPE_UINTEGER:
      use.template operator()<std::uint32_t>();
      return true;
    case DUCKDB_TYPE_UBIGINT:
      use.template operator()<std::uint64_t>();
      return true;
    case DUCKDB_TYPE_HUGEINT:
      use.template operator()<__int128>();
      return true;
    case DUCKDB_TYPE_DECIMAL:
      if (type.decimal_width() <= 4) {
        use.template operator()<std::int16_t>();
      } else if (type.decimal_width() <= 9) {
        use.template operator()<std::int32_t>();
      } else if (type.decimal_width() <= 18) {
        use.template operator()<std::int64_t>();
      } else {
        use.template operator()<__int128>();
      }
      return true;
    default:
      return false;
  }
}

/// A number column read as doubles, whatever numeric type it has.
class DoubleReader {
 public:
  explicit DoubleReader(const Type& type) : type_(type) {
    if (type.id() == DUCKDB_TYPE_DECIMAL) scale_ = std::pow(10.0, type.decimal_scale());
  }
  static bool reads(const Type& type) {
    return type.id() == DUCKDB_TYPE_DOUBLE || type.id() == DUCKDB_TYPE_FLOAT ||
           type.id() == DUCKDB_TYPE_UHUGEINT || with_whole_number(type, []<class T>() {});
  }

  /// Calls `each(i, row, value)` for rows whose value is not NULL.
  template <class Each>
  void for_each(const GroupRows& rows, std::size_t column, Each&& each) const {
    switch (type_.id()) {
      case DUCKDB_TYPE_DOUBLE:
        return read<double>(rows, column, each);
      case DUCKDB_TYPE_FLOAT:
        return read<float>(rows, column, each);
      case DUCKDB_TYPE_UHUGEINT:
        return read<unsigned __int128>(rows, column, each);
      default:
        break;
    }
    const bool known = with_whole_number(type_, [&]<class T>() { read<T>(rows, column, each); });
    LEAT_CHECK(known);
  }

 private:
  template <class T, class Each>
  void read(const GroupRows& rows, std::size_t column, Each&& each) const {
    const T* values = values_of<T>(rows, column);
    for_each_value(rows, column, [&](std::size_t i, std::uint32_t row) {
      T value;
      std::memcpy(&value, values + row, sizeof value);
      each(i, row, static_cast<double>(value) / scale_);
    });
  }

  const Type type_;
  double scale_ = 1;
};

}  // namespace leat::op
