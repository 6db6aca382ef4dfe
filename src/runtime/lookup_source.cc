#include "runtime/lookup_source.h"

#include "model/column_types.h"

namespace leat::runtime {

LookupSource::LookupSource(connector::TableInput input)
    : input_(std::move(input)),
      key_codec_(types_of(input_.schema, input_.key)),
      row_codec_(types_of(input_.schema)) {}

}  // namespace leat::runtime
