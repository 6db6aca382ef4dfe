#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace leat {

/// Bytes that may be read past a slice's end: what simdjson asks for.
inline constexpr std::size_t slice_padding = 64;

/// Header of the last record of a batch after which a source went on at the position that it holds.
/// Leat's own: it is shown to nobody.
inline constexpr std::string_view position_header = "leat.position";

/// A record as it was received. The views point into the slice's bytes; `value.data() == nullptr`
/// is a tombstone.
struct Record {
  Offset offset;
  TimestampMs timestamp = 0;
  std::string_view key;
  std::string_view value;
  std::string_view headers;  ///< encoded as in a Kafka record; empty when there are none
  bool has_key = false;
};

/// Consecutive records of one partition, the unit of work of an epoch: read from a topic's segment,
/// a file or a generator. Owns the bytes, with slice_padding readable bytes after the last.
struct Slice {
  std::vector<char> bytes;
  std::vector<Record> records;
  Offset begin;  ///< of the first record
  Offset next;   ///< where reading goes on
  /// What records that are short for more come to, made out; 0: they are what they are.
  std::size_t bytes_meant = 0;
};

}  // namespace leat
