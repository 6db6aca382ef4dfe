#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace leat::log {
class PartitionLog;
}

namespace leat::runtime {

/// A view is to be computed anew as if its topics began there: at an offset of each partition, or
/// at the first record of each that arrived at or after a time. One of both is given.
struct Replay {
  std::string view;
  std::optional<Offset> from_offset;
  std::optional<TimestampMs> from_time;

  /// Where that is in a partition that is there: its end, where no record is so new. Errors: those
  /// of reading the log.
  Result<Offset> begin_in(const log::PartitionLog& log) const;
};

}  // namespace leat::runtime
