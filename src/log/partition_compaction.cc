#include <algorithm>

#include "log/checked_file.h"
#include "log/compaction.h"
#include "log/partition_log.h"

namespace leat::log {

Status SegmentedLog::apply_compaction(const CompactionRules& rules) {
  Segments closed;
  Offset from;
  {
    std::lock_guard lock(mutex_);
    if (segments_.size() < 2) return {};
    closed.assign(segments_.begin(), std::prev(segments_.end()));
    from = std::max(compacted_to_, closed.front()->base());
  }
  std::uint64_t dirty = 0;
  std::uint64_t all = 0;
  for (const auto& segment : closed) {
    all += segment->size();
    if (segment->next() > from) dirty += segment->size();
  }
  if (dirty == 0 || static_cast<double>(dirty) < rules.dirty_ratio * static_cast<double>(all)) {
    return {};
  }
  const TopicConfig config = around_.config();
  NewestOffsets newest(rules.memory_bytes);
  const Offset until = LEAT_TRY(newest.gather(closed, from));
  const CompactionPass pass{&newest, until, around_.clock->now_ms() - rules.tombstone_delay_ms,
                            config.compression};
  // Oldest first: a tombstone must not go before what it hides.
  for (const auto& segment : closed) {
    if (segment->base() >= until) break;
    auto index = LEAT_TRY(write_compacted(*around_.files, *segment, pass));
    if (index) LEAT_TRY(replace_segment(segment, std::move(*index)));
  }
  LEAT_TRY(write_offset_file("compacted_to", until));
  std::lock_guard lock(mutex_);
  compacted_to_ = until;
  return {};
}

/// The file that was written beside the segment takes its place.
Status SegmentedLog::replace_segment(const std::shared_ptr<Segment>& old, SegmentIndex index) {
  // Readers that have the old one keep the file that it has open now.
  LEAT_TRY(old->file());
  old->keep_open();
  const auto content =
      read_checked_file(*around_.files, around_.directory, index_name(old->base()));
  const auto decoded = content && *content ? decode_index(**content, old->base()) : std::nullopt;
  LEAT_TRY(old->remove_index());
  LEAT_TRY(around_.files->rename(old->path() + std::string(unfinished_suffix), old->path()));
  LEAT_TRY(around_.files->sync_directory(around_.directory));
  const auto made =
      std::make_shared<Segment>(*around_.files, around_.directory, std::move(index), nullptr);
  {
    std::lock_guard lock(mutex_);
    const auto place = std::ranges::find(segments_, old);
    *place = made;
  }
  // Without the producers of that time it is left to the next start to make the index again.
  return decoded ? made->write_index(decoded->producers) : Status();
}

}  // namespace leat::log
