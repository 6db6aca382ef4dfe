#include <algorithm>

#include "log/batch_cursor.h"
#include "log/checked_file.h"
#include "log/partition_log.h"

namespace leat::log {
namespace {

constexpr std::size_t chunk_bytes = 256 << 10;

}  // namespace

Status SegmentedLog::remove_files(const Segment& segment) const {
  io::FileSystem& files = *around_.files;
  LEAT_TRY(files.remove(segment.path()));
  const std::string index = around_.directory + "/" + index_name(segment.base());
  if (LEAT_TRY(files.exists(index))) LEAT_TRY(files.remove(index));
  return {};
}

Status SegmentedLog::housekeep(const CompactionRules& rules) {
  std::lock_guard trim_lock(trim_mutex_);
  LEAT_TRY(usable());
  const TopicConfig config = around_.config();
  LEAT_TRY(apply_retention(config));
  if (config.compacted) LEAT_TRY(apply_compaction(rules));
  Segments segments;
  {
    std::lock_guard lock(mutex_);
    segments = segments_;
  }
  for (const auto& segment : segments) segment->close_when_idle();
  return {};
}

Status SegmentedLog::apply_retention(const TopicConfig& config) {
  const TimestampMs now = around_.clock->now_ms();
  const auto expired = [&](const Segment& segment) {
    return config.retention_ms && segment.max_timestamp() < now - *config.retention_ms;
  };
  if (const auto segment = active(); segment && segment->size() > 0 && expired(*segment)) {
    std::lock_guard append_lock(append_mutex_);
    if (expired(*active())) LEAT_TRY(roll());
  }
  Segments segments;
  {
    std::lock_guard lock(mutex_);
    segments = segments_;
  }
  std::uint64_t left = bytes();
  std::size_t count = 0;
  for (; count + 1 < segments.size(); ++count) {
    const std::uint64_t size = segments[count]->size();
    const bool too_much = config.retention_bytes &&
                          left - size >= static_cast<std::uint64_t>(*config.retention_bytes);
    if (!expired(*segments[count]) && !too_much) break;
    left -= size;
  }
  return count == 0 ? Status() : remove_oldest(count);
}

Status SegmentedLog::remove_before(Offset offset) {
  std::lock_guard trim_lock(trim_mutex_);
  LEAT_TRY(usable());
  std::size_t count = 0;
  {
    std::lock_guard lock(mutex_);
    while (count + 1 < segments_.size() && segments_[count + 1]->base() <= offset) ++count;
  }
  return count == 0 ? Status() : remove_oldest(count);
}

Status SegmentedLog::remove_oldest(std::size_t count) {
  Segments removed;
  Offset first;
  {
    std::lock_guard lock(mutex_);
    removed.assign(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
    first = segments_[count]->base();
  }
  Status written = write_offset_file("first_offset", first);
  if (!written && written.error().code == "disk-full") {
    // A full disk must not keep retention from making room: indexes can be spared.
    for (const auto& segment : removed) LEAT_TRY(segment->remove_index());
    written = write_offset_file("first_offset", first);
  }
  if (!written) {
    if (written.error().code == "disk-full") return written;
    return std::unexpected(fail(written.error()));
  }
  {
    std::lock_guard lock(mutex_);
    first_offset_ = first;
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  // What can't be removed now goes at the next start.
  for (const auto& segment : removed) LEAT_TRY(remove_files(*segment));
  return {};
}

Status SegmentedLog::truncate_to(Offset offset) {
  std::lock_guard trim_lock(trim_mutex_);
  std::lock_guard append_lock(append_mutex_);
  LEAT_TRY(usable());
  Offset compacted_to;
  bool restart = false;
  {
    std::unique_lock lock(mutex_);
    synced_.wait(lock, [&] { return !syncing_; });
    if (offset > next_offset_ || offset < Offset(0)) {
      return user_error("offset-out-of-range",
                        "{}: can't be cut back to offset {}: its records end at {}; they were "
                        "lost, or the offset is another topic's",
                        around_.name, offset, next_offset_);
    }
    if (offset == next_offset_) {
      lock.unlock();
      return durable_offset() < offset ? sync(offset + -1) : Status();
    }
    compacted_to = compacted_to_;
    restart = offset < first_offset_;
    ++truncations_;
  }
  const Status done = [&]() -> Status {
    if (compacted_to > offset) {
      LEAT_TRY(write_offset_file("compacted_to", offset));
      std::lock_guard lock(mutex_);
      compacted_to_ = offset;
    }
    if (restart) return restart_at(offset);
    LEAT_TRY(remove_newest_until(offset));
    return cut_active_at(offset);
  }();
  // Half-way, what is in memory no longer describes what is on disk: a new start does.
  if (!done) return std::unexpected(fail(done.error()));
  return {};
}

/// Removes the segments that begin after `offset`, one at a time: a power loss must not leave a
/// gap.
Status SegmentedLog::remove_newest_until(Offset offset) {
  for (;;) {
    std::shared_ptr<Segment> newest;
    {
      std::lock_guard lock(mutex_);
      if (segments_.empty() || segments_.back()->base() <= offset) return {};
      newest = segments_.back();
      segments_.pop_back();
      next_offset_ = newest->base();
      durable_offset_ = std::min(durable_offset_, next_offset_);
    }
    LEAT_TRY(remove_files(*newest));
    LEAT_TRY(around_.files->sync_directory(around_.directory));
  }
}

Status SegmentedLog::restart_at(Offset offset) {
  LEAT_TRY(remove_newest_until(Offset(-1)));
  LEAT_TRY(write_offset_file("first_offset", offset));
  producers_ = {};
  std::lock_guard lock(mutex_);
  first_offset_ = next_offset_ = durable_offset_ = offset;
  return {};
}

Status SegmentedLog::cut_active_at(Offset offset) {
  const std::shared_ptr<Segment> segment = active();
  const std::uint64_t kept = LEAT_TRY(keep_records_before(*segment, offset));
  if (kept < segment->size()) {
    LEAT_TRY(segment->remove_index());
    const auto file = LEAT_TRY(around_.files->open(segment->path(), io::OpenMode::append));
    LEAT_TRY(file->truncate(kept));
    LEAT_TRY(file->sync());
  }
  return reload_active(segment->base());
}

/// So many bytes of the segment hold the records before `offset`. Where that is inside a batch, the
/// segment is replaced by one that ends with a shorter batch, and nothing needs to be cut.
Result<std::uint64_t> SegmentedLog::keep_records_before(const Segment& segment, Offset offset) {
  const auto file = LEAT_TRY(segment.file());
  const Segment::Start start = segment.start_for(offset);
  std::vector<char> buffer;
  BatchCursor cursor(*file, start.position, start.end, start.offset, chunk_bytes, buffer);
  for (;;) {
    const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
    if (outcome == BatchCursor::Outcome::end) return start.end;
    if (outcome == BatchCursor::Outcome::bad) {
      return damaged(segment, cursor.position(), cursor.cause());
    }
    if (cursor.header().base_offset >= offset) return cursor.position();
    if (cursor.header().next_offset() > offset) break;
  }
  std::vector<char> unpacked;
  std::vector<Record> records;
  BatchHeader header = cursor.header();
  const std::size_t size = LEAT_TRY(unpack_records(header, cursor.batch(), unpacked, 0));
  LEAT_TRY(parse_records(header, {unpacked.data(), size}, header.base_offset, records));
  std::erase_if(records, [&](const Record& record) { return record.offset >= offset; });
  header.last_offset_delta = static_cast<std::int32_t>(offset - header.base_offset) - 1;
  std::vector<char> shorter;
  LEAT_TRY(encode_again(header, records, around_.config().compression, shorter));

  const std::string path = segment.path();
  const std::string unfinished = path + std::string(unfinished_suffix);
  const auto made = LEAT_TRY(around_.files->open(unfinished, io::OpenMode::create));
  buffer.resize(chunk_bytes);
  for (std::uint64_t done = 0; done < cursor.position();) {
    const std::size_t wanted = std::min<std::uint64_t>(chunk_bytes, cursor.position() - done);
    const std::size_t count = LEAT_TRY(file->read_at({buffer.data(), wanted}, done));
    if (count == 0) return damaged(segment, done, "it ends early");
    LEAT_TRY(made->append({buffer.data(), count}));
    done += count;
  }
  LEAT_TRY(made->append({shorter.data(), shorter.size()}));
  LEAT_TRY(made->sync());
  LEAT_TRY(segment.remove_index());
  LEAT_TRY(around_.files->rename(unfinished, path));
  LEAT_TRY(around_.files->sync_directory(around_.directory));
  return segment.size();
}

/// The segment that is now the last one becomes writable, and the producers are those at its end.
Status SegmentedLog::reload_active(Offset base) {
  producers_ = {};
  Segments segments;
  {
    std::lock_guard lock(mutex_);
    segments = segments_;
  }
  if (segments.size() > 1) {
    LEAT_TRY(recover_segment(segments[segments.size() - 2]->base(), false));
  }
  const std::shared_ptr<Segment> segment = LEAT_TRY(recover_segment(base, true));
  std::lock_guard lock(mutex_);
  segments_.back() = segment;
  next_offset_ = durable_offset_ = segment->next();
  return {};
}

}  // namespace leat::log
