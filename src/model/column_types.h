#pragma once

#include <vector>

#include "model/schema.h"

namespace leat {

/// The types of all columns, or of those with these indices, in their order.
inline std::vector<Type> types_of(const Schema& schema) {
  std::vector<Type> types;
  for (const Column& column : schema) types.push_back(column.type);
  return types;
}
inline std::vector<Type> types_of(const Schema& schema, const std::vector<std::size_t>& columns) {
  std::vector<Type> types;
  for (const std::size_t column : columns) types.push_back(schema[column].type);
  return types;
}

}  // namespace leat
