#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "io/file_system.h"
#include "log/segment.h"

namespace leat::log {

/// The newest offset of each key in a stretch of a log. Bounded in memory. Not thread-safe.
class NewestOffsets {
 public:
  explicit NewestOffsets(std::size_t memory_bytes) : memory_bytes_(memory_bytes) {}

  /// Notes the keys of the segments' records from `from` on, batch by batch until memory is used
  /// up, and returns the offset before which all have been noted. Segments are in order.
  Result<Offset> gather(const std::vector<std::shared_ptr<Segment>>& segments, Offset from);

  /// Whether a record with the same key is known at a later offset.
  bool is_outdated(const Record& record) const;

 private:
  Status note_batch(const BatchHeader& header, std::string_view batch);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>()(key);
    }
  };
  const std::size_t memory_bytes_;
  std::size_t used_bytes_ = 0;
  std::unordered_map<std::string, Offset, Hash, std::equal_to<>> newest_;
  std::vector<char> unpacked_;
  std::vector<Record> records_;
};

struct CompactionPass {
  const NewestOffsets* newest = nullptr;
  Offset until;                       ///< records from here on stay
  TimestampMs tombstones_before = 0;  ///< tombstones older than this go
  Compression compression = Compression::none;
};

/// Writes what is to stay of the segment to its name + `.new`, synced. Offsets keep their records
/// and have no gaps between batches. Nothing when all is to stay: then no file is left.
Result<std::optional<SegmentIndex>> write_compacted(io::FileSystem& files, const Segment& segment,
                                                    const CompactionPass& pass);

}  // namespace leat::log
