#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/chunk.h"
#include "model/decoded_column.h"
#include "model/schema.h"

namespace leat::pipeline {

/// Why a row can't be of a schema's types.
struct RowFault {
  std::size_t row = 0;
  std::string column;
  std::string reason;
};

/// The columns of a schema as the members of these names in a JSON record.
std::vector<DecodedColumn> columns_by_name(const Schema& schema);

/// Reads rows, each a JSON object, into a schema's types, just as a stream over a topic does. A
/// column that a row does not name is NULL. Rows that can't be read are told to `faults` and left
/// out. Error `column-type` (user): records have no form for a column's type.
Result<std::vector<Chunk>> read_rows(const Schema& schema, std::span<const std::string> rows,
                                     std::vector<RowFault>& faults);

}  // namespace leat::pipeline
