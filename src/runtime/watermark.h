#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "operator/operator.h"
#include "pipeline/graph.h"

namespace leat::runtime {

/// How far one stream's event time has come: the newest event of each partition less the allowed
/// delay, and of those the minimum over the partitions that are active. It never goes back. Touched
/// by the epoch's thread only.
class Watermark {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  explicit Watermark(const pipeline::EventTime& event_time) : event_time_(event_time) {}

  /// The partition exists: until it has had an event it holds the watermark back, unless it is
  /// idle.
  void add_partition(const std::string& partition, Moment now);
  /// `newest` is the newest event time among the rows that an epoch read from the partition.
  void saw(const std::string& partition, op::EventTimeUs newest, Moment now);
  /// There is unread data: the partition is not idle however long it has been silent.
  void set_waiting(const std::string& partition, bool has_unread);
  /// Nothing more will come from it: it leaves the minimum for good.
  void end(const std::string& partition);

  /// The watermark now. With all partitions ended it stays where it was: `end_of_time` is the
  /// pipeline's to say.
  op::EventTimeUs advance(Moment now);
  op::EventTimeUs current() const { return current_; }

  /// What a commit keeps, and takes back after a restart.
  struct State {
    op::EventTimeUs current = op::no_watermark;
    std::map<std::string, op::EventTimeUs> newest;
  };
  State state() const;
  void restore(const State& state, Moment now);

  op::EventTimeUs newest(const std::string& partition) const;

 private:
  struct PartitionTime {
    op::EventTimeUs newest = op::no_watermark;
    Moment last_seen{};
    bool waiting = false;
    bool ended = false;
  };

  const pipeline::EventTime event_time_;
  std::map<std::string, PartitionTime> partitions_;
  op::EventTimeUs current_ = op::no_watermark;
};

}  // namespace leat::runtime
