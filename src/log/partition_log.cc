#include "log/partition_log.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "log/record_batch.h"

namespace leat::log {
namespace {

/// A segment's positions and offset deltas fit into 32 bits.
constexpr std::uint64_t segment_bytes_max = std::uint64_t{1} << 31;
constexpr std::int64_t segment_offsets_max = std::int64_t{1} << 31;
/// An encoding buffer beyond this is given back after use.
constexpr std::size_t batch_bytes_kept = 8u << 20;

std::vector<char>& batch_buffer() {
  thread_local std::vector<char> buffer;
  return buffer;
}

}  // namespace

SegmentedLog::~SegmentedLog() {
  std::lock_guard append_lock(append_mutex_);
  if (!usable() || !active()) return;
  // Best effort: whoever needed the records on disk has called sync.
  if (active()->sync()) (void)active()->write_index(producers_);
}

Status SegmentedLog::usable() const {
  std::lock_guard lock(mutex_);
  if (failed_) return std::unexpected(*failed_);
  return {};
}

std::shared_ptr<Segment> SegmentedLog::active() const {
  std::lock_guard lock(mutex_);
  return segments_.empty() ? nullptr : segments_.back();
}

Error SegmentedLog::fail(Error error) {
  {
    std::lock_guard lock(mutex_);
    if (!failed_) failed_ = error;
  }
  synced_.notify_all();
  around_.disk_failed(error);
  return error;
}

Status SegmentedLog::check_records(std::span<const NewRecord> records) const {
  if (records.empty()) {
    return user_error("empty-batch", "{}: there are no records to append", around_.name);
  }
  if (records.size() > std::numeric_limits<std::int32_t>::max()) {
    return user_error("record-too-large", "{}: too many records at once", around_.name);
  }
  const std::size_t bytes_max = around_.config().record_bytes_max;
  for (const NewRecord& record : records) {
    std::size_t size = record.key.size() + record.value.size();
    for (const auto& [name, value] : record.headers) size += name.size() + value.size();
    if (size <= bytes_max) continue;
    return user_error("record-too-large",
                      "{}: a record has {} bytes; the topic takes at most {} (record_bytes_max)",
                      around_.name, size, bytes_max);
  }
  return {};
}

Result<AppendResult> SegmentedLog::append(std::span<const NewRecord> records,
                                          const std::optional<Producer>& producer) {
  LEAT_TRY(check_records(records));
  // Encoded and compressed before any lock is taken: only the offset is not known yet.
  std::vector<char>& batch = batch_buffer();
  LEAT_TRY(encode_batch(records, producer, around_.config().compression, around_.clock->now_ms(),
                        batch));
  Result<AppendResult> appended =
      append_batch(batch, producer, static_cast<std::int32_t>(records.size()));
  if (batch.capacity() > batch_bytes_kept) std::vector<char>().swap(batch);
  return appended;
}

Result<AppendResult> SegmentedLog::append_batch(std::vector<char>& batch,
                                                const std::optional<Producer>& producer,
                                                std::int32_t count) {
  std::lock_guard append_lock(append_mutex_);
  LEAT_TRY(usable());
  if (producer) {
    const auto repeated = LEAT_TRY(producers_.check(*producer, count));
    if (repeated) return *repeated;
  }
  LEAT_TRY(make_room_for(batch.size(), count));
  const Offset first = next_offset();
  set_base_offset(batch, first);
  const std::string_view bytes(batch.data(), batch.size());
  const BatchHeader header = parse_header(bytes).value();
  if (Status written = active()->append(header, bytes); !written) {
    if (written.error().code != "disk-full") return std::unexpected(fail(written.error()));
    return std::unexpected(written.error());
  }
  producers_.note(header, around_.clock->now_ms());
  std::lock_guard lock(mutex_);
  next_offset_ = header.next_offset();
  return AppendResult{first, first + (count - 1), false};
}

Status SegmentedLog::make_room_for(std::size_t bytes, std::int32_t count) {
  const std::shared_ptr<Segment> segment = active();
  if (!segment) return roll();
  const std::uint64_t bytes_max =
      std::min<std::uint64_t>(around_.config().segment_bytes, segment_bytes_max);
  const bool fits = segment->size() + bytes <= bytes_max &&
                    segment->next() - segment->base() + count <= segment_offsets_max;
  return fits || segment->size() == 0 ? Status() : roll();
}

Status SegmentedLog::roll() {
  const Offset base = next_offset();
  if (const std::shared_ptr<Segment> full = active()) {
    if (Status synced = full->sync(); !synced) return std::unexpected(fail(synced.error()));
    producers_.expire(around_.clock->now_ms());
    // The index can be made again from the segment; say so and go on.
    if (const Status written = full->write_index(producers_); !written) {
      around_.warn(
          fmt::format("{}: {}; goes on without the index", around_.name, written.error().message));
    }
  }
  std::shared_ptr<Segment> made =
      LEAT_TRY(Segment::create(*around_.files, around_.directory, base));
  if (Status synced = around_.files->sync_directory(around_.directory); !synced) {
    return std::unexpected(fail(synced.error()));
  }
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    more = durable_offset_ < base;
    durable_offset_ = std::max(durable_offset_, base);
    segments_.push_back(std::move(made));
  }
  synced_.notify_all();
  if (more) around_.durable();
  return {};
}

Status SegmentedLog::sync(Offset offset) {
  std::unique_lock lock(mutex_);
  while (durable_offset_ <= offset) {
    if (failed_) return std::unexpected(*failed_);
    if (offset >= next_offset_) {
      return user_error("offset-out-of-range",
                        "{}: offset {} can't be synced: the next one to be written is {}",
                        around_.name, offset, next_offset_);
    }
    if (syncing_) {
      // Another caller syncs. It may have begun before our records were written: look again.
      synced_.wait(lock);
      continue;
    }
    LEAT_TRY(sync_active(lock));
  }
  return {};
}

/// One caller does this for all that are waiting; `lock` (of mutex_) is released meanwhile.
Status SegmentedLog::sync_active(std::unique_lock<std::mutex>& lock) {
  syncing_ = true;
  const std::shared_ptr<Segment> segment = segments_.back();
  const Offset target = next_offset_;
  const std::uint64_t truncations = truncations_;
  lock.unlock();
  Status synced = segment->sync();
  lock.lock();
  syncing_ = false;
  if (!synced) {
    lock.unlock();
    Error error = fail(std::move(synced).error());
    lock.lock();
    return std::unexpected(std::move(error));
  }
  const bool more = durable_offset_ < target && truncations_ == truncations;
  if (more) durable_offset_ = target;
  lock.unlock();
  synced_.notify_all();
  if (more) around_.durable();
  lock.lock();
  return {};
}

Offset SegmentedLog::first_offset() const {
  std::lock_guard lock(mutex_);
  return first_offset_;
}

Offset SegmentedLog::next_offset() const {
  std::lock_guard lock(mutex_);
  return next_offset_;
}

Offset SegmentedLog::durable_offset() const {
  std::lock_guard lock(mutex_);
  return durable_offset_;
}

std::uint64_t SegmentedLog::bytes() const {
  std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& segment : segments_) sum += segment->size();
  return sum;
}

std::uint64_t SegmentedLog::records() const {
  std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& segment : segments_) sum += segment->records();
  return sum;
}

}  // namespace leat::log
