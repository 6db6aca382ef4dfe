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

  /// How far the slowest of the active partitions has come: `end_of_time` where there is none,
  /// `no_watermark` where one has had no event yet.
  struct Slowest {
    op::EventTimeUs time = op::end_of_time;
    bool waiting = false;  ///< it has unread data; else it is silent, and will be idle some day
  };
  /// `with_silent`: also those count that have nothing unread, until they are idle.
  Slowest slowest(Moment now, bool with_silent) const;
  /// Whether the partition is to wait for that one, by `max_drift`.
  bool is_too_far_ahead(const std::string& partition, const Slowest& slowest) const;
  /// A silent partition does not hold others up for ever.
  bool leaves_when_idle() const { return event_time_.idle_ms > 0; }
  bool bounds_drift() const { return event_time_.max_drift_ms > 0; }
  std::int64_t max_drift_us() const { return event_time_.max_drift_ms * 1000; }

  /// The watermark now. Where all partitions are idle it stands still, or goes on with the clock,
  /// as the stream says. With all partitions ended it stays where it was: `end_of_time` is the
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

  bool is_idle(const PartitionTime& time, Moment now) const {
    return !time.waiting && event_time_.idle_ms > 0 &&
           now - time.last_seen > std::chrono::milliseconds(event_time_.idle_ms);
  }

  void go_on(Moment now);

  const pipeline::EventTime event_time_;
  Moment::duration gone_on_{};  // for how long all were silent when it went on last
  std::map<std::string, PartitionTime> partitions_;
  op::EventTimeUs current_ = op::no_watermark;
};

}  // namespace leat::runtime
