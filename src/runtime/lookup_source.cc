#include "runtime/lookup_source.h"

namespace leat::runtime {
namespace {

std::vector<Type> types_of(const Schema& schema) {
  std::vector<Type> types;
  for (const Column& column : schema) types.push_back(column.type);
  return types;
}

std::vector<Type> key_types_of(const connector::TableInput& input) {
  std::vector<Type> types;
  for (const std::size_t column : input.key) types.push_back(input.schema[column].type);
  return types;
}

}  // namespace

LookupSource::LookupSource(connector::TableInput input)
    : input_(std::move(input)),
      key_codec_(key_types_of(input_)),
      row_codec_(types_of(input_.schema)) {}

}  // namespace leat::runtime
