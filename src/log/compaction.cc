#include "log/compaction.h"

#include "log/batch_cursor.h"
#include "log/checked_file.h"

namespace leat::log {
namespace {

constexpr std::size_t chunk_bytes = 1 << 20;
/// What an entry of the map costs beside its key, about.
constexpr std::size_t entry_bytes = 80;

std::unexpected<Error> damaged(const Segment& segment, const BatchCursor& cursor) {
  return external_error("log-damaged", "{} is damaged at byte {}: {}; restore it from a copy",
                        segment.path(), cursor.position(), cursor.cause());
}

/// Writes a segment's batches again without some of their records, so that no gap arises between
/// the batches' offsets. A batch is held back until it is known what it has to cover.
class CompactedSegment {
 public:
  CompactedSegment(io::File& file, Offset base)
      : file_(file), index_(SegmentIndex::empty(base)), covered_(base) {}

  /// `records` of the batch stay; they may be none.
  Status add(const BatchHeader& header, std::span<const Record> records, std::string_view batch,
             Compression compression) {
    if (records.empty()) {
      dropped_ = header;
      return {};
    }
    LEAT_TRY(finish_pending(header.base_offset));
    pending_header_ = header;
    const bool whole =
        std::cmp_equal(records.size(), header.record_count) && header.base_offset == covered_;
    if (whole) {
      pending_.assign(batch.begin(), batch.end());
    } else {
      // It also covers what was dropped before it, at the segment's beginning.
      if (header.base_offset != covered_) forget_producer(pending_header_);
      pending_header_.last_offset_delta =
          static_cast<std::int32_t>(header.next_offset() - covered_) - 1;
      pending_header_.base_offset = covered_;
      LEAT_TRY(encode_again(pending_header_, records, compression, pending_));
    }
    dropped_.reset();
    return {};
  }

  Result<SegmentIndex> finish(Offset next) {
    if (pending_.empty() && dropped_) {
      pending_header_ = *dropped_;
      forget_producer(pending_header_);
      pending_header_.base_offset = covered_;
      pending_header_.last_offset_delta = static_cast<std::int32_t>(next - covered_) - 1;
      LEAT_TRY(encode_again(pending_header_, {}, Compression::none, pending_));
    }
    LEAT_TRY(finish_pending(next));
    LEAT_TRY(file_.sync());
    return std::move(index_);
  }

 private:
  static void forget_producer(BatchHeader& header) {
    header.producer_id = -1;
    header.producer_epoch = -1;
    header.base_sequence = -1;
  }

  Status finish_pending(Offset next) {
    if (pending_.empty()) return {};
    if (parse_header({pending_.data(), pending_.size()})->next_offset() != next) {
      extend_batch(pending_, next);
    }
    const std::string_view bytes(pending_.data(), pending_.size());
    LEAT_TRY(file_.append(bytes));
    index_.add(*parse_header(bytes));
    pending_.clear();
    covered_ = next;
    return {};
  }

  io::File& file_;
  SegmentIndex index_;
  Offset covered_;             ///< all before it is in the file
  std::vector<char> pending_;  ///< a batch that is not yet in the file
  BatchHeader pending_header_;
  std::optional<BatchHeader> dropped_;  ///< the last batch of which nothing stays
};

bool stays(const Record& record, const CompactionPass& pass) {
  if (record.offset >= pass.until || !record.has_key) return true;
  if (pass.newest->is_outdated(record)) return false;
  return record.value.data() != nullptr || record.timestamp >= pass.tombstones_before;
}

Result<SegmentIndex> compact_into(io::File& file, const Segment& segment,
                                  const CompactionPass& pass) {
  const auto source = LEAT_TRY(segment.file());
  std::vector<char> buffer;
  std::vector<char> unpacked;
  std::vector<Record> records;
  CompactedSegment compacted(file, segment.base());
  BatchCursor cursor(*source, 0, segment.size(), segment.base(), chunk_bytes, buffer);
  for (;;) {
    const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
    if (outcome == BatchCursor::Outcome::end) break;
    if (outcome == BatchCursor::Outcome::bad) return damaged(segment, cursor);
    const BatchHeader& header = cursor.header();
    const std::size_t size = LEAT_TRY(unpack_records(header, cursor.batch(), unpacked, 0));
    records.clear();
    LEAT_TRY(parse_records(header, {unpacked.data(), size}, header.base_offset, records));
    std::erase_if(records, [&](const Record& record) { return !stays(record, pass); });
    LEAT_TRY(compacted.add(header, records, cursor.batch(), pass.compression));
  }
  return compacted.finish(segment.next());
}

}  // namespace

Status NewestOffsets::note_batch(const BatchHeader& header, std::string_view batch) {
  const std::size_t size = LEAT_TRY(unpack_records(header, batch, unpacked_, 0));
  records_.clear();
  LEAT_TRY(parse_records(header, {unpacked_.data(), size}, header.base_offset, records_));
  for (const Record& record : records_) {
    if (!record.has_key) continue;
    const auto found = newest_.find(record.key);
    if (found != newest_.end()) {
      found->second = record.offset;
    } else {
      newest_.emplace(record.key, record.offset);
      used_bytes_ += entry_bytes + record.key.size();
    }
  }
  return {};
}

Result<Offset> NewestOffsets::gather(const std::vector<std::shared_ptr<Segment>>& segments,
                                     Offset from) {
  std::vector<char> buffer;
  Offset next = from;
  for (const auto& segment : segments) {
    if (segment->next() <= from) continue;
    const auto file = LEAT_TRY(segment->file());
    const Segment::Start start = segment->start_for(from);
    BatchCursor cursor(*file, start.position, start.end, start.offset, chunk_bytes, buffer);
    for (;;) {
      // At least one batch, so that every pass gets on.
      if (used_bytes_ >= memory_bytes_ && next > from) return next;
      const BatchCursor::Outcome outcome = LEAT_TRY(cursor.next());
      if (outcome == BatchCursor::Outcome::end) break;
      if (outcome == BatchCursor::Outcome::bad) return damaged(*segment, cursor);
      if (cursor.header().next_offset() <= from) continue;
      LEAT_TRY(note_batch(cursor.header(), cursor.batch()));
      next = cursor.header().next_offset();
    }
  }
  return next;
}

bool NewestOffsets::is_outdated(const Record& record) const {
  const auto found = newest_.find(record.key);
  return found != newest_.end() && found->second > record.offset;
}

Result<std::optional<SegmentIndex>> write_compacted(io::FileSystem& files, const Segment& segment,
                                                    const CompactionPass& pass) {
  const std::string path = segment.path() + std::string(unfinished_suffix);
  if (LEAT_TRY(files.exists(path))) LEAT_TRY(files.remove(path));
  const auto file = LEAT_TRY(files.open(path, io::OpenMode::create));
  Result<SegmentIndex> index = compact_into(*file, segment, pass);
  if (!index || index->records == segment.records()) {
    LEAT_TRY(files.remove(path));
    if (!index) return std::unexpected(std::move(index).error());
    return std::optional<SegmentIndex>();
  }
  return std::optional<SegmentIndex>(std::move(*index));
}

}  // namespace leat::log
