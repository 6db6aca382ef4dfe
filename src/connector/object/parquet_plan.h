#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "connector/object/merge_choice.h"
#include "connector/sink_input.h"
#include "connector/spec.h"
#include "sql/parquet_writer.h"

namespace leat::connector::object {

/// All that a Parquet sink does, as input and settings say it together. Pure data.
struct ParquetPlan {
  std::string sink;
  sql::ParquetLayout layout;
  /// When rows that were gathered are written.
  std::uint64_t roll_bytes = 0;
  std::uint64_t roll_rows = 0;  ///< 0: any number
  std::int64_t roll_every_ms = 0;
  std::optional<MergePlan> compact;
};

/// Errors (user): `bad-name`, `bad-sort`, those of check_parquet_layout.
Result<ParquetPlan> read_parquet_plan(const SinkInput& input, const Settings& settings);

}  // namespace leat::connector::object
