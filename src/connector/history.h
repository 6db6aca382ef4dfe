#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "sql/file_table.h"

namespace leat::connector {

/// What a sink has written, as a table that SQL reads. Thread-safe.
class History {
 public:
  virtual ~History() = default;
  virtual const sql::FileTable& table() const = 0;
  /// Paths of the Parquet files that hold the table's rows now, below its folder. They may be
  /// removed by others afterwards. Errors: those of the system; `history-too-large` (user).
  virtual Result<std::vector<std::string>> files(std::stop_token stop) = 0;
};

}  // namespace leat::connector
