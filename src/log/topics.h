#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "model/slice.h"

namespace leat::io {
class FileSystem;
}

namespace leat::log {

enum class Compression { none, lz4, zstd };

struct TopicConfig {
  std::int32_t partitions = 1;
  std::optional<std::int64_t> retention_ms;
  std::optional<std::int64_t> retention_bytes;  ///< per partition
  bool compacted = false;
  Compression compression = Compression::lz4;
  std::uint64_t segment_bytes = 256u << 20;
  std::size_t record_bytes_max = 16u << 20;
};

/// A record to append. Views are copied during the call.
struct NewRecord {
  std::string_view key;
  std::string_view value;
  bool has_key = false;
  bool tombstone = false;     ///< no value at all
  TimestampMs timestamp = 0;  ///< 0: now
  /// Names and values, the latter with `data() == nullptr` where they are null.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

/// Kafka's idempotent producer: a batch whose sequence the partition has already seen from this
/// producer is not written again.
struct Producer {
  std::int64_t id = -1;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;  ///< of the batch's first record
};

struct AppendResult {
  Offset first;
  Offset last;
  bool duplicate = false;
};

/// One partition's log. Thread-safe: appends are serialised inside; readers don't block them.
class PartitionLog {
 public:
  virtual ~PartitionLog() = default;
  /// Writes one record batch at the end, as a whole or not at all. It is in order, but may be lost
  /// until synced. Errors: `record-too-large`, `record-refused`, `empty-batch` (user), `disk-full`
  /// (transient; nothing was written), `out-of-sequence`, `producer-fenced` (user), `io-error` (the
  /// partition takes nothing more). Of a log on a cluster any transient error: it may yet be
  /// written, and the same batch of the same producer can be sent again and counts once.
  virtual Result<AppendResult> append(std::span<const NewRecord> records,
                                      const std::optional<Producer>& producer) = 0;
  /// Returns once everything up to `offset` is on disk. Concurrent callers share one fsync (group
  /// commit).
  virtual Status sync(Offset offset) = 0;

  virtual Offset first_offset() const = 0;
  virtual Offset next_offset() const = 0;     ///< of the next record to be appended
  virtual Offset durable_offset() const = 0;  ///< everything before it is on disk
  virtual std::uint64_t bytes() const = 0;    ///< 0 where it can't be told
  virtual std::uint64_t records() const = 0;  ///< fewer than offsets where compaction removed some

  /// Fills `slice` with durable records from `from` on: about `bytes_max` bytes, whole batches, at
  /// least one when there is one. `slice.next` is where to go on: before `durable_offset` it is
  /// always further on, also where a slice is empty because offsets hold no records. Errors:
  /// `offset-out-of-range` (user): retention removed it; says the first offset. Transient ones: a
  /// cluster does not answer, which takes some seconds. `slice`'s memory is reused.
  virtual Status read(Offset from, std::size_t bytes_max, Slice& slice) const = 0;
  /// First offset whose timestamp is at or after `time`; an earlier one on a cluster where records
  /// are older than their writing.
  virtual Result<Offset> offset_at(TimestampMs time) const = 0;
  /// Forgets all from `offset` on: a derived topic is cut back to its committed position. Once it
  /// returns, that and all before `offset` are on disk. Errors: `offset-out-of-range` (user): the
  /// log ends before; `log-not-cut` (user): it is on a cluster, where others have read it.
  virtual Status truncate_to(Offset offset) = 0;
  /// Frees what lies wholly before `offset` and will never be read again: whole segments, so that
  /// `first_offset` may stay before it.
  virtual Status remove_before(Offset offset) = 0;
};

class Topic {
 public:
  virtual ~Topic() = default;
  virtual const std::string& name() const = 0;
  virtual const TopicConfig& config() const = 0;
  virtual PartitionLog& partition(Partition partition) = 0;
  std::int32_t partition_count() const { return config().partitions; }
};

/// All topics of a data directory or of a Kafka cluster (docs/formats/kafka_log.md). Thread-safe.
class Topics {
 public:
  virtual ~Topics() = default;
  /// The topic, made when missing. An existing one takes over the new settings; partitions can only
  /// be added.
  virtual Result<Topic*> open(const std::string& name, const TopicConfig& config) = 0;
  virtual Topic* find(const std::string& name) = 0;
  virtual std::vector<Topic*> all() = 0;
  /// Called from a log thread after records became durable: keep it short. Set once, before the
  /// first append.
  virtual void on_durable(std::function<void(Topic&, Partition)> notify) = 0;
  /// Applies retention and compaction once, now. Also done by the log itself every
  /// `TopicsOptions::housekeeping`.
  virtual Status housekeep() = 0;
  /// In words, why topics can't be written or read now, when that may pass; empty: they can.
  virtual std::string trouble() const { return {}; }
};

/// What ends the process when a disk loses what was written to it: prints the error and exits with
/// status 3.
[[noreturn]] void end_process(const Error& error);

/// How the embedded topics behave. Functions are called from any thread, must be quick and must not
/// call the topics back.
struct TopicsOptions {
  const Clock* clock = &system_clock();
  /// How often retention and compaction are applied by a thread of the log's own; 0: only by
  /// `Topics::housekeep`.
  std::chrono::milliseconds housekeeping{60'000};
  /// Told of torn tails cut off and of indexes made again, as sentences; nothing: to stderr.
  std::function<void(const std::string& message)> warn;
  /// A write or sync failed, so that the partition takes nothing more: a second sync could report
  /// success for pages that are gone. The process should end and recover at its next start.
  std::function<void(const Error&)> disk_failed = end_process;
  /// Compaction keeps a tombstone until its timestamp is that old, for readers to see it.
  std::chrono::milliseconds tombstone_delay{24 * 3600 * 1000};
  /// Memory for the keys of one compaction pass; a partition with more takes several passes.
  std::size_t compaction_bytes = 128u << 20;
  /// The log's own housekeeping compacts a partition when that part of its closed segments is new.
  double compaction_dirty_ratio = 0.5;
};

/// The topics kept in `directory` (made when missing): every one that is there is opened and
/// recovered. `files` must outlive them. One process at a time: lock the data directory before.
/// Errors: `log-damaged`, `newer-version` (user), those of the file system.
Result<std::unique_ptr<Topics>> open_embedded_topics(io::FileSystem& files,
                                                     const std::string& directory,
                                                     const TopicsOptions& options = {});

/// Error `bad-topic-name` (user) unless it is made of 1 to 249 letters, digits, '.', '_' and '-',
/// and is not "." or "..".
Status check_topic_name(std::string_view name);

}  // namespace leat::log
