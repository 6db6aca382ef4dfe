#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "connector/kafka/kafka_partition.h"
#include "connector/kafka/log_lanes.h"
#include "connector/kafka/offsets.h"

namespace leat::connector::kafka {

/// Reads one partition of the log for whoever asks, from wherever they ask: each place that is read
/// on from has a cursor, which fetches ahead. Thread-safe.
class LogReader {
 public:
  /// How long `read` waits for records that are known to be there.
  static constexpr std::chrono::milliseconds wait_max{3000};

  /// `ring` is called from a thread of librdkafka's when `pull` may have something: it must be
  /// quick and call nothing here.
  LogReader(LogLanes& lanes, TopicPartition partition, std::function<void()> ring);
  ~LogReader();

  /// Committed records from `from` on, about `bytes_max` bytes; `from` lies in `known`, before its
  /// end. The slice is without records only where there are none before its `next`, which is after
  /// `from`. Errors: `kafka-unreachable` (transient), `position-lost` (user), Client's.
  Status read(std::int64_t from, std::size_t bytes_max, const Ends& known, Slice& slice);
  /// Where the records end that came to readers which had read up to `known_end`; nothing: none
  /// came.
  std::optional<std::int64_t> pull(std::int64_t known_end);
  /// Lets `read` return at once, from now on.
  void stop();

 private:
  struct Cursor;
  Result<Cursor*> lease(std::int64_t from, const Ends& known);
  Status place(Cursor& cursor, std::size_t lane, std::int64_t from, const Ends& known);
  void give_back(Cursor& cursor);
  Status fill(Cursor& cursor, std::size_t bytes_max, Slice& slice);
  void wait_for_ring(Cursor& cursor);

  LogLanes& lanes_;
  const TopicPartition partition_;
  const std::function<void()> ring_;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::uint64_t turn_ = 0;
  std::array<std::unique_ptr<Cursor>, LogLanes::count_max> cursors_;

  /// Held for moments only, also by librdkafka's threads: nothing of librdkafka is called under it.
  std::mutex ring_mutex_;
  std::condition_variable rung_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace leat::connector::kafka
