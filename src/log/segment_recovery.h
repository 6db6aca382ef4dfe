#pragma once

#include <string>

#include "base/error.h"
#include "io/file_system.h"
#include "log/producers.h"
#include "log/segment_index.h"

namespace leat::log {

/// What recovery found in a segment's file.
struct SegmentScan {
  SegmentIndex index;            ///< of the valid part
  std::uint64_t torn_bytes = 0;  ///< after it, never acknowledged: to be cut off
};

/// Reads the batches from `known.size` on and notes their producers. `path` is for messages. Bytes
/// that are no valid batch are a torn tail or damage by the rules of docs/formats/log.md; only the
/// `last` segment may have a torn tail. Error `log-damaged`.
Result<SegmentScan> scan_segment(const io::File& file, const std::string& path, SegmentIndex known,
                                 bool last, TimestampMs now, Producers& producers);

}  // namespace leat::log
