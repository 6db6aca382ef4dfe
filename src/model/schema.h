#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/type.h"

namespace leat {

struct Column {
  std::string name;
  Type type;
  bool operator==(const Column&) const = default;
};

/// The columns of a stream or view, in order. Names are unique, compared without case as SQL does.
class Schema {
 public:
  Schema() = default;
  explicit Schema(std::vector<Column> columns) : columns_(std::move(columns)) {}

  std::size_t size() const { return columns_.size(); }
  const Column& operator[](std::size_t index) const { return columns_[index]; }
  auto begin() const { return columns_.begin(); }
  auto end() const { return columns_.end(); }
  const std::vector<Column>& columns() const { return columns_; }

  /// Index of the column of this name, case-insensitive.
  std::optional<std::size_t> find(std::string_view name) const;
  std::vector<std::string> names() const;
  bool operator==(const Schema&) const = default;

 private:
  std::vector<Column> columns_;
};

}  // namespace leat
