#include "log/segment_index.h"

#include <algorithm>

#include "log/little_endian.h"

namespace leat::log {
namespace {
constexpr std::string_view magic = "LEATIDX1";
}

SegmentIndex SegmentIndex::empty(Offset base) {
  SegmentIndex index;
  index.base = index.next = base;
  return index;
}

void SegmentIndex::add(const BatchHeader& batch) {
  if (entries.empty() || size >= entries.back().position + std::uint64_t{interval_bytes}) {
    entries.push_back({static_cast<std::uint32_t>(batch.base_offset - base),
                       static_cast<std::uint32_t>(size), max_timestamp});
  }
  size += batch.size;
  next = batch.next_offset();
  records += static_cast<std::uint64_t>(batch.record_count);
  if (batch.record_count > 0) max_timestamp = std::max(max_timestamp, batch.max_timestamp);
}

IndexEntry SegmentIndex::before(Offset offset) const {
  const auto after = std::ranges::upper_bound(
      entries, offset - base, {}, [](const IndexEntry& e) { return std::int64_t{e.offset_delta}; });
  return after == entries.begin() ? IndexEntry{} : *std::prev(after);
}

IndexEntry SegmentIndex::before_time(TimestampMs time) const {
  const auto after = std::ranges::lower_bound(entries, time, {}, &IndexEntry::max_timestamp_before);
  return after == entries.begin() ? IndexEntry{} : *std::prev(after);
}

std::string encode_index(const SegmentIndex& index, const Producers& producers) {
  std::string out(magic);
  put_number(out, index.base.value());
  put_number(out, index.size);
  put_number(out, index.next.value());
  put_number(out, index.records);
  put_number(out, index.max_timestamp);
  put_number(out, static_cast<std::uint32_t>(index.entries.size()));
  for (const IndexEntry& entry : index.entries) {
    put_number(out, entry.offset_delta);
    put_number(out, entry.position);
    put_number(out, entry.max_timestamp_before);
  }
  producers.encode(out);
  return out;
}

std::optional<DecodedIndex> decode_index(std::string_view bytes, Offset base) {
  if (!bytes.starts_with(magic)) return std::nullopt;
  bytes.remove_prefix(magic.size());
  SegmentIndex index;
  std::int64_t first = 0;
  std::int64_t next = 0;
  std::uint32_t count = 0;
  const bool whole = take_number(bytes, first) && take_number(bytes, index.size) &&
                     take_number(bytes, next) && take_number(bytes, index.records) &&
                     take_number(bytes, index.max_timestamp) && take_number(bytes, count);
  if (!whole || first != base.value() || next < first) return std::nullopt;
  index.base = base;
  index.next = Offset(next);
  if (count > bytes.size() / 16) return std::nullopt;
  index.entries.resize(count);
  for (IndexEntry& entry : index.entries) {
    if (!take_number(bytes, entry.offset_delta) || !take_number(bytes, entry.position) ||
        !take_number(bytes, entry.max_timestamp_before)) {
      return std::nullopt;
    }
  }
  std::optional<Producers> producers = Producers::decode(bytes);
  if (!producers) return std::nullopt;
  return DecodedIndex{std::move(index), std::move(*producers)};
}

}  // namespace leat::log
