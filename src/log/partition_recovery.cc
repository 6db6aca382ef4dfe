#include <algorithm>
#include <charconv>

#include "log/checked_file.h"
#include "log/partition_log.h"
#include "log/segment_recovery.h"

namespace leat::log {
namespace {

constexpr std::string_view first_offset_file = "first_offset";
constexpr std::string_view compacted_to_file = "compacted_to";
constexpr std::string_view index_suffix = ".index";

}  // namespace

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::open(PartitionSurroundings around) {
  std::unique_ptr<SegmentedLog> log(new SegmentedLog(std::move(around)));
  if (Status recovered = log->recover(); !recovered) {
    // Nothing of it may be written to the disk by the destructor.
    log->failed_ = recovered.error();
    return std::unexpected(std::move(recovered).error());
  }
  return log;
}

Result<Offset> SegmentedLog::read_offset_file(const std::string& name) const {
  const auto text = LEAT_TRY(read_checked_file(*around_.files, around_.directory, name));
  if (!text) return Offset(0);
  std::int64_t offset = -1;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), offset);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size() || offset < 0) {
    return external_error("log-damaged", "{}/{} holds no offset; restore it from a copy",
                          around_.directory, name);
  }
  return Offset(offset);
}

Status SegmentedLog::write_offset_file(const std::string& name, Offset offset) const {
  return write_checked_file(*around_.files, around_.directory, name,
                            std::to_string(offset.value()));
}

/// The base offsets of the segments, in order. Removes what was being written.
Result<std::vector<Offset>> SegmentedLog::find_segments() {
  std::vector<Offset> bases;
  std::vector<std::string> indexes;
  for (const std::string& name : LEAT_TRY(around_.files->list(around_.directory))) {
    if (name.ends_with(unfinished_suffix)) {
      LEAT_TRY(around_.files->remove(around_.directory + "/" + name));
    } else if (const std::optional<Offset> base = parse_segment_name(name)) {
      bases.push_back(*base);
    } else if (name.ends_with(index_suffix)) {
      indexes.push_back(name);
    }
  }
  std::erase_if(indexes, [&](const std::string& name) {
    return std::ranges::any_of(bases, [&](Offset base) { return index_name(base) == name; });
  });
  for (const std::string& name : indexes) {
    LEAT_TRY(around_.files->remove(around_.directory + "/" + name));
  }
  return bases;
}

Status SegmentedLog::drop_segments_before_first_offset(std::vector<Offset>& bases) {
  while (bases.size() > 1 && bases[1] <= first_offset_) {
    const Segment dropped(*around_.files, around_.directory, SegmentIndex::empty(bases[0]),
                          nullptr);
    LEAT_TRY(remove_files(dropped));
    bases.erase(bases.begin());
  }
  if (bases.empty() || bases.front() <= first_offset_) return {};
  return external_error("log-damaged",
                        "{}: the log begins at offset {}, but its first segment is {}: an earlier "
                        "one is missing; restore it from a copy",
                        around_.directory, first_offset_, segment_name(bases.front()));
}

Result<std::shared_ptr<Segment>> SegmentedLog::recover_segment(Offset base, bool last) {
  const std::string path = around_.directory + "/" + segment_name(base);
  SegmentIndex known = SegmentIndex::empty(base);
  const auto content = read_checked_file(*around_.files, around_.directory, index_name(base));
  if (!content && content.error().code != "log-damaged") return std::unexpected(content.error());
  std::optional<DecodedIndex> decoded;
  if (content && *content) decoded = decode_index(**content, base);
  if (decoded) {
    known = std::move(decoded->index);
    producers_ = std::move(decoded->producers);
  } else if (!content || *content) {
    around_.warn(fmt::format("{}: the index of {} is damaged; made again", around_.name, path));
  }
  std::shared_ptr<io::File> file =
      LEAT_TRY(around_.files->open(path, last ? io::OpenMode::append : io::OpenMode::read));
  SegmentScan scan = LEAT_TRY(
      scan_segment(*file, path, std::move(known), last, around_.clock->now_ms(), producers_));
  if (scan.torn_bytes > 0) {
    around_.warn(fmt::format(
        "{}: cut {} torn bytes off {} at byte {} (offset {}): the last writes before the stop "
        "were not complete and had not been acknowledged",
        around_.name, scan.torn_bytes, path, scan.index.size, scan.index.next));
    LEAT_TRY(file->truncate(scan.index.size));
  }
  // A killed process leaves writes in the kernel's memory: they count as durable from now on.
  if (last) LEAT_TRY(file->sync());
  auto segment = std::make_shared<Segment>(*around_.files, around_.directory, std::move(scan.index),
                                           last ? file : nullptr);
  if (!last && !decoded) LEAT_TRY(segment->write_index(producers_));
  return segment;
}

Status SegmentedLog::recover() {
  first_offset_ = LEAT_TRY(read_offset_file(std::string(first_offset_file)));
  compacted_to_ = LEAT_TRY(read_offset_file(std::string(compacted_to_file)));
  std::vector<Offset> bases = LEAT_TRY(find_segments());
  // Also for what a killed process did to the directory.
  LEAT_TRY(around_.files->sync_directory(around_.directory));
  LEAT_TRY(drop_segments_before_first_offset(bases));
  next_offset_ = bases.empty() ? first_offset_ : bases.front();
  for (const Offset base : bases) {
    if (base != next_offset_) {
      return external_error("log-damaged",
                            "{}: a segment ends at offset {}, but the next one is {}: one is "
                            "missing or not of this log; restore it from a copy",
                            around_.directory, next_offset_, segment_name(base));
    }
    segments_.push_back(LEAT_TRY(recover_segment(base, base == bases.back())));
    next_offset_ = segments_.back()->next();
  }
  if (next_offset_ < first_offset_) {
    return external_error("log-damaged",
                          "{}: the log begins at offset {}, but its records end at {}; restore the "
                          "last segment from a copy",
                          around_.directory, first_offset_, next_offset_);
  }
  durable_offset_ = next_offset_;
  return {};
}

}  // namespace leat::log
