#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "io/file_system.h"
#include "log/segment_index.h"

namespace leat::log {

/// The file names of the segment that begins at `base`.
std::string segment_name(Offset base);
std::string index_name(Offset base);
/// The base offset that a segment's file name tells; nothing: it is no segment's name.
std::optional<Offset> parse_segment_name(std::string_view name);

/// A segment's file and what is known of it. Readers on any threads; one writer at a time. A
/// segment that is only read opens its file when it is needed.
class Segment {
 public:
  /// `file`: where the segment is to be appended to; nothing: it is only read.
  Segment(io::FileSystem& files, std::string directory, SegmentIndex index,
          std::shared_ptr<io::File> file);

  /// A new, empty segment. Its directory must be synced before it is used.
  static Result<std::shared_ptr<Segment>> create(io::FileSystem& files,
                                                 const std::string& directory, Offset base);

  Offset base() const { return base_; }
  Offset next() const;
  std::uint64_t size() const;
  std::uint64_t records() const;
  TimestampMs max_timestamp() const;
  std::string path() const;

  /// Where to begin to read.
  struct Start {
    std::uint64_t position;
    Offset offset;      ///< of the batch there
    std::uint64_t end;  ///< the segment's size now
  };
  Start start_for(Offset offset) const;
  Start start_for_time(TimestampMs time) const;

  Result<std::shared_ptr<const io::File>> file() const;
  /// Closes the file of a segment that is only read, when nobody asked for it since the last call.
  void close_when_idle();
  /// The file is about to lose its name: whoever still reads it needs it open.
  void keep_open();

  /// Adds a whole batch. When that fails nothing was added. `disk-full` (transient): it may work
  /// later. Any other error: the segment must not be written to again.
  Status append(const BatchHeader& header, std::string_view batch);
  /// See File::sync.
  Status sync();
  /// Everything in it must be on disk.
  Status write_index(const Producers& producers) const;
  Status remove_index() const;

 private:
  io::FileSystem& files_;
  const std::string directory_;
  const Offset base_;
  const std::shared_ptr<io::File> writable_;
  mutable std::mutex mutex_;
  SegmentIndex index_;                                ///< guarded by mutex_
  mutable std::shared_ptr<const io::File> readable_;  ///< guarded by mutex_
  mutable bool asked_for_ = false;                    ///< guarded by mutex_
  bool kept_open_ = false;                            ///< guarded by mutex_
};

}  // namespace leat::log
