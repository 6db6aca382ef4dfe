#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "log/topics.h"
#include "model/slice.h"

namespace leat::log {

/// Kafka's record batch, format v2, as bytes: docs/formats/log.md. Pure functions, safe from any
/// thread.

inline constexpr std::size_t batch_header_bytes = 61;
/// A batch's size on disk and after decompression.
inline constexpr std::size_t batch_bytes_max = 256u << 20;

struct BatchHeader {
  Offset base_offset;
  std::uint32_t size = 0;  ///< of the whole batch in bytes, this header included
  std::int32_t leader_epoch = 0;
  std::uint32_t crc = 0;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  TimestampMs base_timestamp = 0;
  TimestampMs max_timestamp = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;

  Offset next_offset() const { return base_offset + last_offset_delta + 1; }
  std::int16_t compression() const { return attributes & 7; }
  bool timestamp_is_append_time() const { return (attributes & 8) != 0; }
  bool is_control() const { return (attributes & 32) != 0; }
};

/// Sequences count up to 2^31 - 1 and go on at 0.
std::int32_t add_to_sequence(std::int32_t sequence, std::int32_t count);

/// Replaces `out` by one batch of the records (at least one) with base offset 0. A timestamp of 0
/// becomes `now`. Error `record-too-large` (user): the batch has more than batch_bytes_max bytes.
Status encode_batch(std::span<const NewRecord> records, const std::optional<Producer>& producer,
                    Compression compression, TimestampMs now, std::vector<char>& out);

/// Replaces `out` by a batch with these records of an earlier batch, which keep offsets, timestamps
/// and headers; the rest is as in `header`, with `record_count`, `size` and `crc` made new.
Status encode_again(const BatchHeader& header, std::span<const Record> records,
                    Compression compression, std::vector<char>& out);

/// Not covered by the checksum, so it can be set when the batch's place in the log is known.
void set_base_offset(std::span<char> batch, Offset offset);

/// Makes a batch without a producer of it that covers the offsets up to `next`, which must be after
/// its last one.
void extend_batch(std::span<char> batch, Offset next);

/// The header at the front of `bytes`. Nothing when there are too few bytes or they can't be a
/// batch. The batch's body need not be there.
std::optional<BatchHeader> parse_header(std::string_view bytes);

/// Whether the whole batch's checksum is right.
bool checksum_is_right(const BatchHeader& header, std::string_view batch);

/// Decompresses the batch's records into `out` at `position` (see `decompress`) and returns their
/// size. Errors: `log-damaged`, `unsupported-compression`.
Result<std::size_t> unpack_records(const BatchHeader& header, std::string_view batch,
                                   std::vector<char>& out, std::size_t position);

/// Appends the records from `from` on to `records`, as views into `unpacked`. Error `log-damaged`.
Status parse_records(const BatchHeader& header, std::string_view unpacked, Offset from,
                     std::vector<Record>& records);

/// A record's headers: names and values, the latter with `data() == nullptr` where they are null.
using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
/// As a record holds them. Error `log-damaged`.
Result<Headers> parse_headers(std::string_view headers);
void append_headers(const Headers& headers, std::string& out);

}  // namespace leat::log
