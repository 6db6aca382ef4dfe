#include "connector/file_partition.h"

#include <algorithm>
#include <cstring>

namespace leat::connector {
namespace {

constexpr std::size_t read_bytes_min = 16 * 1024;
constexpr std::size_t compared_bytes = 256;
constexpr std::chrono::seconds check_interval{1};
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

void make_room(Slice& slice, std::size_t bytes) {
  if (slice.bytes.size() < bytes + slice_padding) slice.bytes.resize(bytes + slice_padding);
}

}  // namespace

std::unexpected<Error> FilePartition::position_lost(std::string_view what) const {
  return user_error("position-lost",
                    "{}: {}, so reading can't go on at byte {}; put the file back, or read it anew "
                    "under another source name. Files that are rotated are best given names that "
                    "are never used again, and read by a glob",
                    path_, what, position_);
}

Status FilePartition::open() {
  if (stream_) return {};
  stream_ = LEAT_TRY(open_byte_stream(files_, path_));
  if (options_.follow) followed_ = LEAT_TRY(files_.open(path_, io::OpenMode::read));
  return {};
}

Status FilePartition::seek(Offset position) {
  LEAT_TRY(open());
  rest_.clear();
  ended_ = false;
  position_ = position.value();
  if (position_ < 0) return position_lost("there is no such byte");
  return check_boundary(static_cast<std::uint64_t>(position_));
}

/// A position lies behind a line break, or where the file ended without one. Anything else means
/// that these are not the bytes that were read.
Status FilePartition::check_boundary(std::uint64_t position) {
  const bool there = LEAT_TRY(stream_->seek(position == 0 ? 0 : position - 1));
  if (!there) return position_lost("it has become shorter");
  if (position == 0) return {};
  char around[2] = {};
  const std::size_t count = LEAT_TRY(stream_->read(around));
  if (count == 0) return position_lost("it has become shorter");
  if (count == 2) {
    const bool boundary = around[0] == '\n' || around[1] == '\n' || around[1] == '\r';
    if (!boundary) return position_lost("it has become another file");
    // The byte behind the position is the first of the rest.
    rest_.assign(1, around[1]);
  }
  return {};
}

std::uint64_t FilePartition::lag() const {
  if (!stream_ || is_compressed(path_)) return 0;
  const auto size = stream_->size();
  if (!size || !*size) return 0;
  const auto position = static_cast<std::uint64_t>(position_);
  return **size > position ? **size - position : 0;
}

Result<PartitionReader::Outcome> FilePartition::read(Slice& slice, std::size_t bytes_max) {
  slice.records.clear();
  if (ended_) return Outcome::ended;
  LEAT_TRY(open());
  while (true) {
    const Outcome outcome = LEAT_TRY(read_records(slice, std::max(bytes_max, read_bytes_min)));
    if (outcome != Outcome::records) return outcome;
    // Nothing but empty lines or the header: go on.
    if (slice.records.empty()) continue;
    slice.begin = slice.records.front().offset;
    slice.next = Offset(position_);
    return Outcome::records;
  }
}

void FilePartition::keep_rest(const Slice& slice, std::size_t used, std::size_t have) {
  rest_.assign(slice.bytes.begin() + static_cast<std::ptrdiff_t>(used),
               slice.bytes.begin() + static_cast<std::ptrdiff_t>(have));
  position_ += static_cast<std::int64_t>(used);
}

/// `records` when something was used up, be it of no worth.
Result<PartitionReader::Outcome> FilePartition::read_records(Slice& slice, std::size_t bytes_max) {
  std::size_t room = std::max(bytes_max, rest_.size());
  make_room(slice, room);
  std::size_t have = rest_.size();
  std::copy(rest_.begin(), rest_.end(), slice.bytes.begin());
  std::size_t searched = 0;
  while (true) {
    const std::size_t count =
        LEAT_TRY(stream_->read(std::span(slice.bytes.data() + have, room - have)));
    have += count;
    // A row that has no end yet is searched from its beginning, for its quotes; a line is not.
    const bool is_csv = options_.framing.kind == Framing::Kind::csv;
    const bool worth = is_csv || std::memchr(slice.bytes.data() + searched, '\n', have - searched);
    searched = have;
    const std::size_t used = worth ? options_.framing.cut({slice.bytes.data(), have}, position_,
                                                          clock_.now_ms(), slice.records)
                                   : 0;
    if (used > 0) {
      LEAT_TRY(take_header(slice));
      keep_rest(slice, used, have);
      return Outcome::records;
    }
    if (have < room) return at_end(slice, have);
    if (have > options_.framing.record_bytes_max) {
      have = LEAT_TRY(read_over_long_record(slice, have));
      if (have == 0) return Outcome::nothing;
      return Outcome::records;
    }
    room = std::min(room * 2, std::max(room, options_.framing.record_bytes_max + 1));
    if (room == have) room = have + 1;
    make_room(slice, room);
  }
}

/// The file ends here for now, in the middle of a record or behind one.
Result<PartitionReader::Outcome> FilePartition::at_end(Slice& slice, std::size_t have) {
  if (options_.follow) {
    keep_rest(slice, 0, have);
    LEAT_TRY(check_replaced());
    return Outcome::nothing;
  }
  ended_ = true;
  if (have == 0) return Outcome::ended;
  options_.framing.take({slice.bytes.data(), have}, position_, clock_.now_ms(), slice.records);
  LEAT_TRY(take_header(slice));
  keep_rest(slice, have, have);
  return slice.records.empty() ? Outcome::ended : Outcome::records;
}

/// The record is longer than what is kept of one: reads on to its line break without keeping
/// anything. 0: the break has not been written yet, and reading begins at the record again.
Result<std::size_t> FilePartition::read_over_long_record(Slice& slice, std::size_t have) {
  std::vector<char> block(1 << 20);
  std::size_t over = 0;
  while (true) {
    const std::size_t count = LEAT_TRY(stream_->read(block));
    const auto* stop = static_cast<char*>(std::memchr(block.data(), '\n', count));
    if (stop == nullptr && count == block.size()) {
      over += count;
      continue;
    }
    if (stop == nullptr && options_.follow) {
      LEAT_TRY(stream_->seek(static_cast<std::uint64_t>(position_)));
      rest_.clear();
      LEAT_TRY(check_replaced());
      return 0;
    }
    options_.framing.take({slice.bytes.data(), have}, position_, clock_.now_ms(), slice.records);
    const std::size_t used =
        stop != nullptr ? static_cast<std::size_t>(stop - block.data()) + 1 : count;
    rest_.assign(block.begin() + static_cast<std::ptrdiff_t>(used),
                 block.begin() + static_cast<std::ptrdiff_t>(count));
    position_ += static_cast<std::int64_t>(have + over + used);
    return have;
  }
}

/// At the beginning of the file: leaves out the byte order mark and the line of names.
Status FilePartition::take_header(Slice& slice) {
  if (position_ != 0 || slice.records.empty()) return {};
  Record& first = slice.records.front();
  if (first.offset.value() == 0 && first.value.starts_with(byte_order_mark)) {
    first.value.remove_prefix(byte_order_mark.size());
  }
  if (!options_.header) return {};
  if (!options_.header_text.empty() && first.value != options_.header_text) {
    return user_error("header-differs",
                      "{}: the header is \"{}\", but the source's first file has \"{}\"; files of "
                      "one source must have the same columns in the same order",
                      path_, first.value.substr(0, 200), options_.header_text.substr(0, 200));
  }
  slice.records.erase(slice.records.begin());
  return {};
}

/// Whether the path still leads to the file that is being read, as far as its size and first bytes
/// tell.
Status FilePartition::check_replaced() {
  const auto position = static_cast<std::uint64_t>(position_);
  if (LEAT_TRY(followed_->size()) < position) return position_lost("it was cut");
  const auto now = clock_.steady();
  if (now - checked_at_ < check_interval) return {};
  checked_at_ = now;
  if (!LEAT_TRY(files_.exists(path_))) return {};  // moved away: what is open is read to its end
  const auto there = LEAT_TRY(files_.open(path_, io::OpenMode::read));
  if (LEAT_TRY(there->size()) < position) return position_lost("it was replaced by a shorter one");
  char ours[compared_bytes], theirs[compared_bytes];
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(compared_bytes, position));
  const std::size_t read = LEAT_TRY(followed_->read_at(std::span(ours, length), 0));
  const std::size_t found = LEAT_TRY(there->read_at(std::span(theirs, length), 0));
  if (read != found || std::memcmp(ours, theirs, read) != 0) {
    return position_lost("it was replaced by another one");
  }
  return {};
}

}  // namespace leat::connector
