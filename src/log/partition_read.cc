#include <algorithm>

#include "log/batch_cursor.h"
#include "log/partition_log.h"

namespace leat::log {
namespace {

constexpr std::size_t chunk_bytes_min = 64 << 10;
constexpr std::size_t chunk_bytes_max = 1 << 20;
/// A reader's memory beyond this is given back after use.
constexpr std::size_t buffer_bytes_kept = 4u << 20;

/// A thread's memory for reading files into.
class ReadBuffer {
 public:
  ~ReadBuffer() {
    if (bytes().size() > buffer_bytes_kept) std::vector<char>().swap(bytes());
  }
  std::vector<char>& bytes() {
    thread_local std::vector<char> buffer;
    return buffer;
  }
};

/// A batch's records, decompressed, in the slice's bytes.
struct Unpacked {
  BatchHeader header;
  std::uint64_t position;  ///< of the batch in its segment
  std::size_t begin;
  std::size_t size;
};

}  // namespace

std::unexpected<Error> SegmentedLog::damaged(const Segment& segment, std::uint64_t position,
                                             std::string_view cause) const {
  return external_error("log-damaged",
                        "{}: {} is damaged at byte {}: {}; stop leat and restore the file from a "
                        "copy",
                        around_.name, segment.path(), position, cause);
}

Result<SegmentedLog::Place> SegmentedLog::place_of(Offset offset) const {
  std::lock_guard lock(mutex_);
  if (offset < first_offset_ || offset > next_offset_) {
    return user_error("offset-out-of-range",
                      "{}: there is no offset {}: the topic's records are {} to {}; go on at {}",
                      around_.name, offset, first_offset_, next_offset_ + -1,
                      offset < first_offset_ ? first_offset_ : next_offset_);
  }
  Place place{nullptr, durable_offset_, first_offset_, truncations_};
  if (offset >= durable_offset_) return place;
  const auto after = std::ranges::upper_bound(
      segments_, offset, {},
      [](const std::shared_ptr<Segment>& segment) { return segment->base(); });
  place.segment = *std::prev(after);
  return place;
}

Status SegmentedLog::read(Offset from, std::size_t bytes_max, Slice& slice) const {
  slice.records.clear();
  slice.begin = slice.next = from;
  // Goes on where compaction left batches, or a whole segment, without records.
  while (slice.records.empty()) {
    const Place place = LEAT_TRY(place_of(slice.next));
    if (!place.segment) return {};
    const Status done = read_segment(place, slice.next, bytes_max, slice);
    if (done) continue;
    std::lock_guard lock(mutex_);
    if (truncations_ == place.truncations) return done;
    // Cut back while we were reading: what we saw is no damage, and no longer there.
    slice.records.clear();
    slice.next = from;
    return {};
  }
  slice.begin = slice.records.front().offset;
  return {};
}

/// Fills the slice from one segment and sets `slice.next` behind it.
Status SegmentedLog::read_segment(const Place& place, Offset from, std::size_t bytes_max,
                                  Slice& slice) const {
  thread_local std::vector<Unpacked> unpacked;
  unpacked.clear();
  const std::shared_ptr<const io::File> file = LEAT_TRY(place.segment->file());
  const Segment::Start start = place.segment->start_for(from);
  ReadBuffer buffer;
  BatchCursor cursor(*file, start.position, start.end, start.offset,
                     std::clamp(bytes_max / 4, chunk_bytes_min, chunk_bytes_max), buffer.bytes());
  std::size_t filled = 0;
  for (Offset next = start.offset; next < place.durable;) {
    const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
    if (outcome == BatchCursor::Outcome::end) break;
    if (outcome == BatchCursor::Outcome::bad) {
      return damaged(*place.segment, cursor.position(), cursor.cause());
    }
    next = cursor.header().next_offset();
    if (next <= from) continue;
    const auto size = unpack_records(cursor.header(), cursor.batch(), slice.bytes, filled);
    if (!size) return damaged(*place.segment, cursor.position(), size.error().message);
    unpacked.push_back({cursor.header(), cursor.position(), filled, *size});
    filled += *size;
    slice.next = next;
    if (filled >= bytes_max) break;
  }
  slice.bytes.resize(filled + slice_padding);
  for (const Unpacked& batch : unpacked) {
    const Status parsed = parse_records(
        batch.header, {slice.bytes.data() + batch.begin, batch.size}, from, slice.records);
    if (!parsed) return damaged(*place.segment, batch.position, parsed.error().message);
  }
  return {};
}

Result<std::optional<Offset>> SegmentedLog::find_time(const Place& place, TimestampMs time) const {
  const std::shared_ptr<const io::File> file = LEAT_TRY(place.segment->file());
  const Segment::Start start = place.segment->start_for_time(time);
  ReadBuffer buffer;
  std::vector<char> unpacked;
  std::vector<Record> records;
  BatchCursor cursor(*file, start.position, start.end, start.offset, chunk_bytes_min,
                     buffer.bytes());
  for (Offset next = start.offset; next < place.durable;) {
    const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
    if (outcome == BatchCursor::Outcome::end) break;
    if (outcome == BatchCursor::Outcome::bad) {
      return damaged(*place.segment, cursor.position(), cursor.cause());
    }
    next = cursor.header().next_offset();
    if (next <= place.first || cursor.header().max_timestamp < time) continue;
    const auto size = unpack_records(cursor.header(), cursor.batch(), unpacked, 0);
    if (!size) return damaged(*place.segment, cursor.position(), size.error().message);
    records.clear();
    const Status parsed =
        parse_records(cursor.header(), {unpacked.data(), *size}, place.first, records);
    if (!parsed) return damaged(*place.segment, cursor.position(), parsed.error().message);
    for (const Record& record : records) {
      if (record.timestamp >= time) return std::optional<Offset>(record.offset);
    }
  }
  return std::optional<Offset>();
}

Result<Offset> SegmentedLog::offset_at(TimestampMs time) const {
  Segments segments;
  Place place;
  {
    std::lock_guard lock(mutex_);
    segments = segments_;
    place = {nullptr, durable_offset_, first_offset_, truncations_};
  }
  for (const std::shared_ptr<Segment>& segment : segments) {
    if (segment->max_timestamp() < time || segment->base() >= place.durable) continue;
    place.segment = segment;
    if (const auto found = LEAT_TRY(find_time(place, time))) return *found;
  }
  return place.durable;
}

}  // namespace leat::log
