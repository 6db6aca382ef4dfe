#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/producers.h"
#include "log/record_batch.h"

namespace leat::log {

/// A place to begin reading at.
struct IndexEntry {
  std::uint32_t offset_delta = 0;  ///< from the segment's base offset to the batch's
  std::uint32_t position = 0;      ///< of the batch in the segment
  TimestampMs max_timestamp_before = 0;
};

/// What is known of the first `size` bytes of a segment. Plain data.
struct SegmentIndex {
  static constexpr std::uint32_t interval_bytes = 64 << 10;
  static constexpr TimestampMs no_timestamp = std::numeric_limits<TimestampMs>::min();

  Offset base;
  std::uint64_t size = 0;
  Offset next;
  std::uint64_t records = 0;
  TimestampMs max_timestamp = no_timestamp;
  std::vector<IndexEntry> entries;

  static SegmentIndex empty(Offset base);
  /// The batch at position `size` joins.
  void add(const BatchHeader& batch);
  /// The last entry at or before `offset`; the segment's beginning when there is none.
  IndexEntry before(Offset offset) const;
  /// The last entry with only earlier records before it.
  IndexEntry before_time(TimestampMs time) const;
};

/// The content of an index file: the index, and the producers at its end.
std::string encode_index(const SegmentIndex& index, const Producers& producers);

struct DecodedIndex {
  SegmentIndex index;
  Producers producers;
};
/// Nothing when the bytes are not the index of a segment with this base offset.
std::optional<DecodedIndex> decode_index(std::string_view bytes, Offset base);

}  // namespace leat::log
