#include "log/segment.h"

#include <algorithm>
#include <charconv>

#include "log/checked_file.h"

namespace leat::log {
namespace {
constexpr std::string_view segment_suffix = ".log";
constexpr std::size_t offset_digits = 20;
}  // namespace

std::string segment_name(Offset base) { return fmt::format("{:020}.log", base.value()); }
std::string index_name(Offset base) { return fmt::format("{:020}.index", base.value()); }

std::optional<Offset> parse_segment_name(std::string_view name) {
  if (name.size() != offset_digits + segment_suffix.size()) return std::nullopt;
  if (!name.ends_with(segment_suffix) || name.front() == '-') return std::nullopt;
  std::int64_t base = 0;
  const char* const end = name.data() + offset_digits;
  const auto parsed = std::from_chars(name.data(), end, base);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return Offset(base);
}

Segment::Segment(io::FileSystem& files, std::string directory, SegmentIndex index,
                 std::shared_ptr<io::File> file)
    : files_(files),
      directory_(std::move(directory)),
      base_(index.base),
      writable_(std::move(file)),
      index_(std::move(index)) {}

Result<std::shared_ptr<Segment>> Segment::create(io::FileSystem& files,
                                                 const std::string& directory, Offset base) {
  std::shared_ptr<io::File> file =
      LEAT_TRY(files.open(directory + "/" + segment_name(base), io::OpenMode::create));
  return std::make_shared<Segment>(files, directory, SegmentIndex::empty(base), std::move(file));
}

Offset Segment::next() const {
  std::lock_guard lock(mutex_);
  return index_.next;
}

std::uint64_t Segment::size() const {
  std::lock_guard lock(mutex_);
  return index_.size;
}

std::uint64_t Segment::records() const {
  std::lock_guard lock(mutex_);
  return index_.records;
}

TimestampMs Segment::max_timestamp() const {
  std::lock_guard lock(mutex_);
  return index_.max_timestamp;
}

std::string Segment::path() const { return directory_ + "/" + segment_name(base_); }

Segment::Start Segment::start_for(Offset offset) const {
  std::lock_guard lock(mutex_);
  const IndexEntry entry = index_.before(offset);
  return {entry.position, base_ + entry.offset_delta, index_.size};
}

Segment::Start Segment::start_for_time(TimestampMs time) const {
  std::lock_guard lock(mutex_);
  const IndexEntry entry = index_.before_time(time);
  return {entry.position, base_ + entry.offset_delta, index_.size};
}

Result<std::shared_ptr<const io::File>> Segment::file() const {
  if (writable_) return std::shared_ptr<const io::File>(writable_);
  std::lock_guard lock(mutex_);
  asked_for_ = true;
  if (!readable_) readable_ = LEAT_TRY(files_.open(path(), io::OpenMode::read));
  return readable_;
}

void Segment::close_when_idle() {
  std::lock_guard lock(mutex_);
  if (!asked_for_ && !kept_open_) readable_.reset();
  asked_for_ = false;
}

void Segment::keep_open() {
  std::lock_guard lock(mutex_);
  kept_open_ = true;
}

Status Segment::append(const BatchHeader& header, std::string_view batch) {
  Status written = writable_->append(batch);
  if (!written) {
    if (const Status cut = writable_->truncate(size()); !cut) {
      return external_error("io-error", "{}; and then: {}", written.error().message,
                            cut.error().message);
    }
    return written;
  }
  std::lock_guard lock(mutex_);
  index_.add(header);
  return {};
}

Status Segment::sync() { return writable_ ? writable_->sync() : Status(); }

Status Segment::write_index(const Producers& producers) const {
  std::string content;
  {
    std::lock_guard lock(mutex_);
    content = encode_index(index_, producers);
  }
  return write_checked_file(files_, directory_, index_name(base_), content);
}

Status Segment::remove_index() const {
  const std::string index = directory_ + "/" + index_name(base_);
  if (!LEAT_TRY(files_.exists(index))) return {};
  LEAT_TRY(files_.remove(index));
  return files_.sync_directory(directory_);
}

}  // namespace leat::log
