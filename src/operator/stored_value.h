#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/accumulator.h"

namespace leat::op {

/// Turns values that records keep as bytes back into a column.
class StoredValues {
 public:
  explicit StoredValues(const Type& type)
      : keys_({type}), rows_({type}), null_key_(keys_.fixed_width().value_or(1), '\0') {}

  /// `value_of(record)` gives the value's bytes by KeyCodec; empty bytes are NULL.
  template <class ValueOf>
  Status write_keys(std::span<const std::byte* const> records, const ValueOf& value_of, Chunk& out,
                    std::size_t column) const {
    return keys_.decode(collect(records, value_of, null_key_), std::span(&column, 1), out, 0);
  }
  /// The same with bytes by RowCodec.
  template <class ValueOf>
  Status write_rows(std::span<const std::byte* const> records, const ValueOf& value_of, Chunk& out,
                    std::size_t column) const {
    return rows_.decode(collect(records, value_of, null_row), std::span(&column, 1), out, 0);
  }

 private:
  static constexpr std::string_view null_row = "\x01";

  template <class ValueOf>
  static std::vector<std::string_view> collect(std::span<const std::byte* const> records,
                                               const ValueOf& value_of, std::string_view null) {
    std::vector<std::string_view> values;
    values.reserve(records.size());
    for (const std::byte* record : records) {
      const std::string_view value = value_of(record);
      values.push_back(value.empty() ? null : value);
    }
    return values;
  }

  const KeyCodec keys_;
  const RowCodec rows_;
  const std::string null_key_;
};

}  // namespace leat::op
