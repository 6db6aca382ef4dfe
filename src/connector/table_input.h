#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/schema.h"

namespace leat::connector {

/// What a pipeline says of a table that its streams look rows up in. Pure data.
struct TableInput {
  std::string table;             ///< the table's name in the pipeline
  Schema schema;                 ///< its columns, as far as the pipeline wants them
  std::vector<std::size_t> key;  ///< which of them say what row is meant
  std::size_t rows_per_key_max = 1;
};

}  // namespace leat::connector
