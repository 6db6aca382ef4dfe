#include "runtime/replay.h"

#include <algorithm>

#include "log/partition_log.h"

namespace leat::runtime {

Result<Offset> Replay::begin_in(const log::PartitionLog& log) const {
  Offset begin = from_offset.value_or(log.next_offset());
  if (from_time) begin = LEAT_TRY(log.offset_at(*from_time));
  return std::max(begin, log.first_offset());
}

}  // namespace leat::runtime
