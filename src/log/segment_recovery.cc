#include "log/segment_recovery.h"

#include <algorithm>
#include <vector>

#include "log/batch_cursor.h"

namespace leat::log {
namespace {

constexpr std::size_t scan_chunk_bytes = 1 << 20;
constexpr std::size_t sector_bytes = 512;
constexpr std::size_t offset_bytes = 8;
/// A batch's header that begins with so many zeros has no length, so it can't be right.
constexpr std::size_t zeros_before_length_ends = 12;
/// How far ahead a batch's offset may be to be taken for one that follows.
constexpr std::int64_t offset_jump_max = std::int64_t{1} << 32;

/// Where the first valid batch at or after `begin` is in `tail`; npos: there is none.
std::size_t find_batch(std::string_view tail, std::size_t begin, Offset expected) {
  for (std::size_t at = begin; at + batch_header_bytes <= tail.size(); ++at) {
    if (tail[at + 16] != 2) continue;
    const std::optional<BatchHeader> header = parse_header(tail.substr(at));
    if (!header || header->size > tail.size() - at) continue;
    const std::int64_t jump = header->base_offset - expected;
    if (jump < 0 || jump > offset_jump_max) continue;
    if (checksum_is_right(*header, tail.substr(at, header->size))) return at;
  }
  return std::string_view::npos;
}

/// Whether zeros at the front of where the batch `expected` should be are surely wrong.
bool zeros_are_wrong(std::size_t zeros, Offset expected) {
  if (zeros >= zeros_before_length_ends) return true;
  const std::size_t compared = std::min(zeros, offset_bytes);
  return compared > 0 &&
         (static_cast<std::uint64_t>(expected.value()) >> (8 * (offset_bytes - compared))) != 0;
}

/// Whether one of the sectors under `bad` (at `position` in the file) never reached the disk: it
/// reads as zeros. `bad` reaches to the next valid batch.
bool has_unwritten_sector(std::string_view bad, std::uint64_t position, Offset expected) {
  for (std::size_t at = 0; at < bad.size();) {
    const std::size_t size =
        std::min<std::size_t>(sector_bytes - (position + at) % sector_bytes, bad.size() - at);
    const bool zeros = bad.substr(at, size).find_first_not_of('\0') == std::string_view::npos;
    const bool whole = at > 0 && size == sector_bytes;
    if (zeros && (whole || (at == 0 && zeros_are_wrong(size, expected)))) return true;
    at += size;
  }
  return false;
}

std::unexpected<Error> damage(const std::string& path, std::uint64_t position, const char* cause,
                              Offset expected) {
  return external_error(
      "log-damaged",
      "{} is damaged at byte {} (offset {}): {}; restore the file from a copy, or, to give up all "
      "records of the partition from offset {} on, cut the file there (truncate -s {}) and remove "
      "its .index and all later segments",
      path, position, expected, cause, expected, position);
}

Result<std::string> read_tail(const io::File& file, std::uint64_t position, std::uint64_t size) {
  std::string tail(size - position, '\0');
  tail.resize(LEAT_TRY(file.read_at(tail, position)));
  return tail;
}

}  // namespace

Result<SegmentScan> scan_segment(const io::File& file, const std::string& path, SegmentIndex known,
                                 bool last, TimestampMs now, Producers& producers) {
  SegmentScan scan{std::move(known), 0};
  SegmentIndex& index = scan.index;
  const std::uint64_t size = LEAT_TRY(file.size());
  if (size < index.size) {
    return damage(path, size, "it is shorter than its index says", index.next);
  }
  std::vector<char> buffer;
  BatchCursor cursor(file, index.size, size, index.next, scan_chunk_bytes, buffer);
  for (;;) {
    const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
    if (outcome == BatchCursor::Outcome::end) return scan;
    if (outcome == BatchCursor::Outcome::bad) break;
    producers.note(cursor.header(), now);
    index.add(cursor.header());
  }
  const std::uint64_t position = cursor.position();
  if (!last) return damage(path, position, cursor.cause(), index.next);
  const std::string tail = LEAT_TRY(read_tail(file, position, size));
  const std::size_t follows = find_batch(tail, 0, index.next);
  if (follows != std::string::npos &&
      !has_unwritten_sector(std::string_view(tail).substr(0, follows), position, index.next)) {
    return damage(path, position, cursor.cause(), index.next);
  }
  scan.torn_bytes = size - position;
  return scan;
}

}  // namespace leat::log
