#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "model/chunk.h"

namespace leat::connector {

/// A table that is read as a whole and kept: reference data. Used by one thread at a time.
class ReferenceTable {
 public:
  virtual ~ReferenceTable() = default;
  /// What differs once the rows may have changed. Error `table-missing` (external): there is
  /// nothing to read, or it can't be looked at.
  virtual Result<std::string> version() = 0;
  /// Hands over all rows, with the table's columns. Errors (user): `table-file`, `table-too-large`;
  /// what was handed over before is not the table.
  virtual Status read(const std::function<Status(Chunk)>& sink) = 0;
};

}  // namespace leat::connector
