#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace leat::runtime {

struct SourceState {
  std::string name, connector, topic;
  std::string state;       ///< "reading", "waiting", "retrying", "ended", "failed"
  std::string last_error;  ///< empty after a success
  std::uint64_t records = 0, bytes = 0, attempts = 0, failures = 0, retries = 0;
  std::uint64_t skipped = 0;  ///< objects that can't be read
  /// Of its own log that the system keeps for this source; nothing: none, or not known.
  std::optional<std::uint64_t> held_back_bytes;
};

struct PartitionState {
  std::int32_t partition = 0;
  std::string name;  ///< of a replayable source's partition (a path); else empty
  std::int64_t first_offset = 0, next_offset = 0;
  std::int64_t read_offset = 0;  ///< the engine has read up to here
  std::uint64_t records = 0, bytes = 0;
  TimestampMs watermark_ms = 0;  ///< 0: none
};

struct TopicState {
  std::string name;
  bool embedded = true;  ///< false: a source that is the topic
  std::uint64_t records = 0, bytes = 0,
                lag = 0;     ///< lag: records (bytes, where not known) not yet read by the engine
  std::uint64_t missed = 0;  ///< records that retention removed before they were read
  std::vector<PartitionState> partitions;
};

/// accepted = out + filtered + late + dead_letters, always.
struct StreamState {
  std::string name;
  std::uint64_t accepted = 0, out = 0, filtered = 0, late = 0, dead_letters = 0;
  std::uint64_t future = 0;  ///< rows further ahead of the clock than may be, wherever they went
  TimestampMs watermark_ms = 0;
  std::optional<double> lag_seconds;  ///< how far the watermark is behind the clock
  struct Expectation {
    std::string name, otherwise;
    std::uint64_t passed = 0, refused = 0;
  };
  std::vector<Expectation> expectations;
};

struct ViewState {
  std::string name;
  std::optional<std::uint64_t> rows;  ///< nothing: they are not kept
  std::uint64_t memory_bytes = 0, changes = 0, late = 0;
  std::uint64_t touched_epoch = 0;  ///< the newest that may have changed its rows
  std::uint64_t refused = 0;        ///< how often a row could not be computed
  std::string last_error;           ///< why the last one
};

/// A table in another system that streams look rows up in; lookups = hits + misses, of distinct
/// keys at a time. Or a table that is kept, whose rows are all cached.
struct TableState {
  std::string name, connector;
  std::string state;       ///< "starting", "ready", "retrying", "failed"
  std::string last_error;  ///< empty after a success
  std::uint64_t lookups = 0, hits = 0, misses = 0;
  std::uint64_t missing = 0;   ///< keys that the system had no row of
  std::uint64_t refused = 0;   ///< keys whose rows can't be taken
  std::uint64_t failures = 0;  ///< tries that failed
  std::uint64_t loads = 0;     ///< how often a table that is kept was read
  std::uint64_t cached_rows = 0, cached_bytes = 0;
  double waiting_seconds = 0;  ///< for how long streams have waited for an answer by now
  double lookup_ms_p50 = 0, lookup_ms_p99 = 0;
};

struct SinkState {
  std::string name, from, connector;
  std::uint64_t rows = 0, bytes = 0;
  std::string last_error;
  std::string state;  ///< "writing", "waiting", "retrying", "failed", "ended"
  /// Of a sink in another system: rows that wait, batches written, tries that failed, rows that
  /// went to the dead letters, records that retention took away before.
  std::uint64_t lag = 0, batches = 0, failures = 0, refused = 0, missed = 0;
  double batch_ms_p50 = 0, batch_ms_p99 = 0;
};

/// How the engine is doing, as of one moment.
struct EngineStatus {
  std::uint64_t records_in = 0;
  double records_per_second = 0;  ///< over the last second
  std::uint64_t epoch = 0, committed_epoch = 0;
  std::uint64_t lag = 0;
  std::uint64_t dead_letters = 0;
  double epoch_ms_p50 = 0, epoch_ms_p99 = 0, commit_ms_p50 = 0, commit_ms_p99 = 0;
  std::uint64_t memory_bytes = 0;  ///< resident
  /// What the process may have of that (0: no limit), and what hot state may at the moment.
  std::uint64_t memory_max_bytes = 0, state_memory_max_bytes = 0;
  double cpu_seconds = 0;  ///< of the process, since its start
  std::uint64_t state_bytes = 0;
  double uptime_seconds = 0;
  bool ready = false;
  std::string failure;  ///< why the engine stopped, empty while it runs
  std::vector<SourceState> sources;
  std::vector<TopicState> topics;
  std::vector<TableState> tables;
  std::vector<StreamState> streams;
  std::vector<ViewState> views;
  std::vector<SinkState> sinks;
};

}  // namespace leat::runtime
