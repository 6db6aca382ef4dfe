#include "log/record_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/crc32c.h"
#include "log/compression.h"
#include "log/varint.h"

namespace leat::log {
namespace {

constexpr char magic_v2 = 2;
constexpr std::size_t length_at = 8;
constexpr std::size_t leader_epoch_at = 12;
constexpr std::size_t magic_at = 16;
constexpr std::size_t crc_at = 17;
constexpr std::size_t attributes_at = 21;
constexpr std::size_t last_offset_delta_at = 23;
constexpr std::size_t base_timestamp_at = 27;
constexpr std::size_t max_timestamp_at = 35;
constexpr std::size_t producer_id_at = 43;
constexpr std::size_t producer_epoch_at = 51;
constexpr std::size_t base_sequence_at = 53;
constexpr std::size_t record_count_at = 57;
/// Of what precedes `length`'s count: base offset and length itself.
constexpr std::size_t before_length_bytes = 12;
/// What a record needs at most beside its key, value and headers.
constexpr std::size_t record_overhead_max = 1 + 6 * varint_bytes_max;
/// Scratch memory beyond this is given back after use.
constexpr std::size_t scratch_bytes_kept = 8u << 20;

template <class Number>
Number big_endian(Number value) {
  if constexpr (sizeof(Number) == 8) {
    return static_cast<Number>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  } else if constexpr (sizeof(Number) == 4) {
    return static_cast<Number>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  } else {
    return static_cast<Number>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  }
}
static_assert(std::endian::native == std::endian::little);

template <class Number>
void store(char* at, Number value) {
  value = big_endian(value);
  std::memcpy(at, &value, sizeof(value));
}

template <class Number>
Number load(const char* at) {
  Number value;
  std::memcpy(&value, at, sizeof(value));
  return big_endian(value);
}

std::unexpected<Error> damaged(std::string_view cause) {
  return external_error("log-damaged", "the batch's records are broken: {}", cause);
}

std::unexpected<Error> too_large(std::size_t bytes) {
  return user_error("record-too-large",
                    "the records of one append make {} bytes, more than {}; append fewer at once",
                    bytes, batch_bytes_max);
}

char* put_bytes(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

/// Memory to put a batch's records together in, before they are compressed.
std::vector<char>& scratch() {
  thread_local std::vector<char> bytes;
  return bytes;
}

char* grow_scratch(std::size_t bytes) {
  if (scratch().size() < bytes) scratch().resize(bytes);
  return scratch().data();
}

void release_scratch() {
  if (scratch().size() > scratch_bytes_kept) std::vector<char>().swap(scratch());
}

/// A record's parts with its headers already encoded, but for their count and sizes.
struct RecordParts {
  std::int64_t timestamp_delta;
  std::int64_t offset_delta;
  std::string_view key;
  std::string_view value;
  bool has_key;
  bool has_value;
  std::size_t headers_bytes;
};

/// Writes all of a record but its headers, which have to follow.
char* put_record(char* at, const RecordParts& parts) {
  const std::int64_t key_size = parts.has_key ? static_cast<std::int64_t>(parts.key.size()) : -1;
  const std::int64_t value_size =
      parts.has_value ? static_cast<std::int64_t>(parts.value.size()) : -1;
  const std::size_t size = 1 + varint_size(parts.timestamp_delta) +
                           varint_size(parts.offset_delta) + varint_size(key_size) +
                           (parts.has_key ? parts.key.size() : 0) + varint_size(value_size) +
                           (parts.has_value ? parts.value.size() : 0) + parts.headers_bytes;
  at = put_varint(at, static_cast<std::int64_t>(size));
  *at++ = 0;  // attributes, none in use
  at = put_varint(at, parts.timestamp_delta);
  at = put_varint(at, parts.offset_delta);
  at = put_varint(at, key_size);
  if (parts.has_key) at = put_bytes(at, parts.key);
  at = put_varint(at, value_size);
  if (parts.has_value) at = put_bytes(at, parts.value);
  return at;
}

/// As it stands before a header's value: -1 for a null one.
std::int64_t value_length(std::string_view value) {
  return value.data() == nullptr ? -1 : static_cast<std::int64_t>(value.size());
}

std::size_t headers_size(const Headers& headers) {
  std::size_t size = varint_size(static_cast<std::int64_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    size += varint_size(static_cast<std::int64_t>(name.size())) + name.size();
    size += varint_size(value_length(value)) + value.size();
  }
  return size;
}

char* put_headers(char* at, const Headers& headers) {
  at = put_varint(at, static_cast<std::int64_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    at = put_bytes(put_varint(at, static_cast<std::int64_t>(name.size())), name);
    at = put_bytes(put_varint(at, value_length(value)), value);
  }
  return at;
}

/// Makes `out` the whole batch: `header`'s fields, then the records, compressed where that helps.
Status finish_batch(BatchHeader header, std::string_view records, Compression compression,
                    std::vector<char>& out) {
  header.attributes &= static_cast<std::int16_t>(~7);
  out.resize(batch_header_bytes);
  if (compression != Compression::none && compress(compression, records, out)) {
    header.attributes |= compression_code(compression);
  } else {
    out.insert(out.end(), records.begin(), records.end());
  }
  release_scratch();
  if (out.size() > batch_bytes_max) return too_large(out.size());
  char* const at = out.data();
  store(at, header.base_offset.value());
  store(at + length_at, static_cast<std::int32_t>(out.size() - before_length_bytes));
  store(at + leader_epoch_at, header.leader_epoch);
  at[magic_at] = magic_v2;
  store(at + attributes_at, header.attributes);
  store(at + last_offset_delta_at, header.last_offset_delta);
  store(at + base_timestamp_at, header.base_timestamp);
  store(at + max_timestamp_at, header.max_timestamp);
  store(at + producer_id_at, header.producer_id);
  store(at + producer_epoch_at, header.producer_epoch);
  store(at + base_sequence_at, header.base_sequence);
  store(at + record_count_at, header.record_count);
  store(at + crc_at, crc32c({at + attributes_at, out.size() - attributes_at}));
  return {};
}

/// Takes a length and so many bytes off the front; a length of -1 gives nullptr. False: broken.
bool take_bytes(const char*& at, const char* end, std::string_view& bytes) {
  std::int64_t size;
  if (!take_varint(at, end, size) || size < -1 || size > end - at) return false;
  bytes = size < 0 ? std::string_view() : std::string_view(at, static_cast<std::size_t>(size));
  if (size > 0) at += size;
  return true;
}

/// One record; `at` ends up behind it. Returns what is wrong with it, or nullptr.
const char* parse_record(const BatchHeader& header, const char*& at, const char* end,
                         Record& record) {
  std::int64_t size, timestamp_delta, offset_delta, header_count;
  if (!take_varint(at, end, size) || size < 1 || size > end - at) return "a record's length";
  const char* const record_end = at + size;
  ++at;  // attributes, none in use
  if (!take_varint(at, record_end, timestamp_delta)) return "a record's timestamp";
  if (!take_varint(at, record_end, offset_delta)) return "a record's offset";
  if (offset_delta < 0 || offset_delta > header.last_offset_delta) return "a record's offset";
  if (!take_bytes(at, record_end, record.key)) return "a record's key";
  if (!take_bytes(at, record_end, record.value)) return "a record's value";
  const char* const headers = at;
  if (!take_varint(at, record_end, header_count) || header_count < 0) return "a header count";
  record.has_key = record.key.data() != nullptr;
  record.offset = header.base_offset + offset_delta;
  record.timestamp =
      header.timestamp_is_append_time()
          ? header.max_timestamp
          : static_cast<TimestampMs>(static_cast<std::uint64_t>(header.base_timestamp) +
                                     static_cast<std::uint64_t>(timestamp_delta));
  record.headers = {};
  if (header_count > 0) {
    record.headers = {headers, static_cast<std::size_t>(record_end - headers)};
  } else if (at != record_end) {
    return "a record's length";
  }
  at = record_end;
  return nullptr;
}

}  // namespace

std::int32_t add_to_sequence(std::int32_t sequence, std::int32_t count) {
  const std::uint32_t sum =
      static_cast<std::uint32_t>(sequence) + static_cast<std::uint32_t>(count);
  return static_cast<std::int32_t>(sum & 0x7fffffffu);
}

Status encode_batch(std::span<const NewRecord> records, const std::optional<Producer>& producer,
                    Compression compression, TimestampMs now, std::vector<char>& out) {
  LEAT_CHECK(!records.empty());
  BatchHeader header;
  header.base_timestamp = records.front().timestamp == 0 ? now : records.front().timestamp;
  header.max_timestamp = std::numeric_limits<TimestampMs>::min();
  std::size_t bound = 0;
  for (const NewRecord& record : records) {
    bound += record_overhead_max + record.key.size() + record.value.size();
    if (!record.headers.empty()) bound += headers_size(record.headers);
  }
  if (bound > batch_bytes_max) return too_large(bound);
  char* const begin = grow_scratch(bound);
  char* at = begin;
  std::int64_t offset_delta = 0;
  for (const NewRecord& record : records) {
    const TimestampMs timestamp = record.timestamp == 0 ? now : record.timestamp;
    header.max_timestamp = std::max(header.max_timestamp, timestamp);
    const auto timestamp_delta = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(timestamp) - static_cast<std::uint64_t>(header.base_timestamp));
    at = put_record(at, {timestamp_delta, offset_delta++, record.key, record.value, record.has_key,
                         !record.tombstone, headers_size(record.headers)});
    at = put_headers(at, record.headers);
  }
  header.record_count = static_cast<std::int32_t>(records.size());
  header.last_offset_delta = header.record_count - 1;
  if (producer) {
    header.producer_id = producer->id;
    header.producer_epoch = producer->epoch;
    header.base_sequence = producer->sequence;
  }
  return finish_batch(header, {begin, static_cast<std::size_t>(at - begin)}, compression, out);
}

Status encode_again(const BatchHeader& header, std::span<const Record> records,
                    Compression compression, std::vector<char>& out) {
  std::size_t bound = 0;
  for (const Record& record : records) {
    bound += record_overhead_max + record.key.size() + record.value.size() + record.headers.size();
  }
  char* const begin = grow_scratch(bound);
  char* at = begin;
  BatchHeader made = header;
  made.record_count = static_cast<std::int32_t>(records.size());
  made.max_timestamp = records.empty() ? header.max_timestamp : records.front().timestamp;
  for (const Record& record : records) {
    made.max_timestamp = std::max(made.max_timestamp, record.timestamp);
    const auto timestamp_delta =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(record.timestamp) -
                                  static_cast<std::uint64_t>(header.base_timestamp));
    at = put_record(at, {timestamp_delta, record.offset - header.base_offset, record.key,
                         record.value, record.has_key, record.value.data() != nullptr,
                         record.headers.empty() ? 1 : record.headers.size()});
    if (record.headers.empty()) {
      at = put_varint(at, 0);
    } else {
      at = put_bytes(at, record.headers);
    }
  }
  return finish_batch(made, {begin, static_cast<std::size_t>(at - begin)},
                      records.empty() ? Compression::none : compression, out);
}

void set_base_offset(std::span<char> batch, Offset offset) { store(batch.data(), offset.value()); }

void extend_batch(std::span<char> batch, Offset next) {
  char* const at = batch.data();
  const std::int64_t delta = next.value() - load<std::int64_t>(at) - 1;
  LEAT_CHECK(delta >= load<std::int32_t>(at + last_offset_delta_at) &&
             delta <= std::numeric_limits<std::int32_t>::max());
  store(at + last_offset_delta_at, static_cast<std::int32_t>(delta));
  store(at + producer_id_at, std::int64_t{-1});
  store(at + producer_epoch_at, std::int16_t{-1});
  store(at + base_sequence_at, std::int32_t{-1});
  store(at + crc_at, crc32c({at + attributes_at, batch.size() - attributes_at}));
}

std::optional<BatchHeader> parse_header(std::string_view bytes) {
  if (bytes.size() < batch_header_bytes) return std::nullopt;
  const char* const at = bytes.data();
  const auto length = load<std::int32_t>(at + length_at);
  BatchHeader header;
  header.base_offset = Offset(load<std::int64_t>(at));
  header.leader_epoch = load<std::int32_t>(at + leader_epoch_at);
  header.crc = load<std::uint32_t>(at + crc_at);
  header.attributes = load<std::int16_t>(at + attributes_at);
  header.last_offset_delta = load<std::int32_t>(at + last_offset_delta_at);
  header.base_timestamp = load<TimestampMs>(at + base_timestamp_at);
  header.max_timestamp = load<TimestampMs>(at + max_timestamp_at);
  header.producer_id = load<std::int64_t>(at + producer_id_at);
  header.producer_epoch = load<std::int16_t>(at + producer_epoch_at);
  header.base_sequence = load<std::int32_t>(at + base_sequence_at);
  header.record_count = load<std::int32_t>(at + record_count_at);
  constexpr std::int64_t offset_max = std::numeric_limits<std::int64_t>::max() - (1ll << 32);
  const bool plausible =
      at[magic_at] == magic_v2 &&
      length >= static_cast<std::int32_t>(batch_header_bytes - before_length_bytes) &&
      length <= static_cast<std::int32_t>(batch_bytes_max - before_length_bytes) &&
      header.base_offset.value() >= 0 && header.base_offset.value() <= offset_max &&
      header.last_offset_delta >= 0 && header.record_count >= 0 &&
      header.record_count <= std::int64_t{header.last_offset_delta} + 1;
  if (!plausible) return std::nullopt;
  header.size = static_cast<std::uint32_t>(length) + before_length_bytes;
  return header;
}

bool checksum_is_right(const BatchHeader& header, std::string_view batch) {
  return batch.size() == header.size && crc32c(batch.substr(attributes_at)) == header.crc;
}

Result<std::size_t> unpack_records(const BatchHeader& header, std::string_view batch,
                                   std::vector<char>& out, std::size_t position) {
  if (header.record_count == 0) return std::size_t{0};
  return decompress(header.compression(), batch.substr(batch_header_bytes), batch_bytes_max, out,
                    position);
}

Status parse_records(const BatchHeader& header, std::string_view unpacked, Offset from,
                     std::vector<Record>& records) {
  const char* at = unpacked.data();
  const char* const end = at + unpacked.size();
  Offset expected_min = header.base_offset;
  for (std::int32_t index = 0; index < header.record_count; ++index) {
    Record& record = records.emplace_back();
    if (const char* cause = parse_record(header, at, end, record)) return damaged(cause);
    if (record.offset < expected_min) return damaged("the order of offsets");
    expected_min = record.offset + 1;
    if (record.offset < from || header.is_control()) records.pop_back();
  }
  if (at != end) return damaged("bytes follow the last record");
  return {};
}

void append_headers(const Headers& headers, std::string& out) {
  const std::size_t begin = out.size();
  out.resize(begin + headers_size(headers));
  put_headers(out.data() + begin, headers);
}

Result<Headers> parse_headers(std::string_view headers) {
  std::vector<std::pair<std::string_view, std::string_view>> parsed;
  if (headers.empty()) return parsed;
  const char* at = headers.data();
  const char* const end = at + headers.size();
  std::int64_t count;
  if (!take_varint(at, end, count) || count < 0) return damaged("a header count");
  for (; count > 0; --count) {
    auto& [name, value] = parsed.emplace_back();
    if (!take_bytes(at, end, name) || name.data() == nullptr) return damaged("a header's name");
    if (!take_bytes(at, end, value)) return damaged("a header's value");
  }
  if (at != end) return damaged("bytes follow the last header");
  return parsed;
}

}  // namespace leat::log
