#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/topics.h"

namespace leat::log {

/// What a partition needs from around it. The functions are called from any thread and must not
/// call the partition back, except for `durable`.
struct PartitionSurroundings {
  io::FileSystem* files = nullptr;
  std::string directory;
  std::string name;  ///< for messages: "users/0"
  const Clock* clock = nullptr;
  std::function<TopicConfig()> config;
  std::function<void(const std::string&)> warn;
  std::function<void(const Error&)> disk_failed;  ///< a write or sync failed for good
  std::function<void()> durable;                  ///< more records are on disk
};

/// How compaction is done; see TopicsOptions.
struct CompactionRules {
  TimestampMs tombstone_delay_ms = 0;
  std::size_t memory_bytes = 0;
  double dirty_ratio = 0;
};

/// A partition in segment files of its own directory: docs/formats/log.md.
///
/// Locks are taken in the order of the members: `trim_mutex_` (whoever removes or replaces
/// segments), `append_mutex_` (whoever writes at the end), `mutex_` (short, for the fields).
class SegmentedLog final : public PartitionLog {
 public:
  /// Recovers what is in the directory, which must be there. Error `log-damaged`.
  static Result<std::unique_ptr<SegmentedLog>> open(PartitionSurroundings around);
  /// Syncs what was appended and notes that, so that the next start need not read it.
  ~SegmentedLog() override;

  Result<AppendResult> append(std::span<const NewRecord> records,
                              const std::optional<Producer>& producer) override;
  Status sync(Offset offset) override;
  Offset first_offset() const override;
  Offset next_offset() const override;
  Offset durable_offset() const override;
  std::uint64_t bytes() const override;
  std::uint64_t records() const override;
  Status read(Offset from, std::size_t bytes_max, Slice& slice) const override;
  Result<Offset> offset_at(TimestampMs time) const override;
  Status truncate_to(Offset offset) override;
  Status remove_before(Offset offset) override;

  /// Retention, then compaction, as the topic's settings ask for.
  Status housekeep(const CompactionRules& rules);

 private:
  using Segments = std::vector<std::shared_ptr<Segment>>;

  explicit SegmentedLog(PartitionSurroundings around) : around_(std::move(around)) {}

  // Opening: partition_recovery.cc
  Status recover();
  Result<std::vector<Offset>> find_segments();
  Status drop_segments_before_first_offset(std::vector<Offset>& bases);
  Result<std::shared_ptr<Segment>> recover_segment(Offset base, bool last);
  Result<Offset> read_offset_file(const std::string& name) const;
  Status write_offset_file(const std::string& name, Offset offset) const;

  // Writing: partition_log.cc
  Status check_records(std::span<const NewRecord> records) const;
  Result<AppendResult> append_batch(std::vector<char>& batch,
                                    const std::optional<Producer>& producer, std::int32_t count);
  Status make_room_for(std::size_t bytes, std::int32_t count);
  Status roll();
  Status sync_active(std::unique_lock<std::mutex>& lock);
  Error fail(Error error);
  Status usable() const;
  std::shared_ptr<Segment> active() const;

  // Reading: partition_read.cc
  struct Place {
    std::shared_ptr<Segment> segment;  ///< nothing: no durable record there yet
    Offset durable;
    Offset first;
    std::uint64_t truncations = 0;
  };
  Result<Place> place_of(Offset offset) const;
  Status read_segment(const Place& place, Offset from, std::size_t bytes_max, Slice& slice) const;
  Result<std::optional<Offset>> find_time(const Place& place, TimestampMs time) const;
  std::unexpected<Error> damaged(const Segment& segment, std::uint64_t position,
                                 std::string_view cause) const;

  // Removing: partition_trim.cc
  Status apply_retention(const TopicConfig& config);
  Status remove_oldest(std::size_t count);
  Status remove_newest_until(Offset offset);
  Status cut_active_at(Offset offset);
  Status restart_at(Offset offset);
  Status reload_active(Offset base);
  Result<std::uint64_t> keep_records_before(const Segment& segment, Offset offset);
  Status remove_files(const Segment& segment) const;

  // Compaction: partition_compaction.cc
  Status apply_compaction(const CompactionRules& rules);
  Status replace_segment(const std::shared_ptr<Segment>& old, SegmentIndex index);

  const PartitionSurroundings around_;
  std::mutex trim_mutex_;
  std::mutex append_mutex_;
  Producers producers_;  ///< guarded by append_mutex_

  mutable std::mutex mutex_;
  std::condition_variable synced_;
  Segments segments_;  ///< oldest first; the last one is written to
  Offset first_offset_;
  Offset next_offset_;
  Offset durable_offset_;
  Offset compacted_to_;
  std::uint64_t truncations_ = 0;
  bool syncing_ = false;
  std::optional<Error> failed_;
};

}  // namespace leat::log
