#include "runtime/watermark.h"

#include <algorithm>

namespace leat::runtime {
namespace {
// Each step is an epoch and a commit: a day of silence takes some dozens.
constexpr int steps_of_silence = 8;
}  // namespace

void Watermark::add_partition(const std::string& partition, Moment now) {
  partitions_.try_emplace(partition, PartitionTime{.last_seen = now});
}

void Watermark::saw(const std::string& partition, op::EventTimeUs newest, Moment now) {
  PartitionTime& time = partitions_[partition];
  time.newest = std::max(time.newest, newest);
  time.last_seen = now;
  gone_on_ = {};
}

void Watermark::set_waiting(const std::string& partition, bool has_unread) {
  partitions_[partition].waiting = has_unread;
}

void Watermark::end(const std::string& partition) { partitions_[partition].ended = true; }

op::EventTimeUs Watermark::advance(Moment now) {
  op::EventTimeUs lowest = op::end_of_time;
  bool any = false;
  for (const auto& [name, time] : partitions_) {
    if (time.ended || is_idle(time, now)) continue;
    if (time.newest == op::no_watermark) return current_;
    lowest = std::min(lowest, time.newest - event_time_.delay_ms * 1000);
    any = true;
  }
  if (any) {
    current_ = std::max(current_, lowest);
  } else if (event_time_.goes_on) {
    go_on(now);
  }
  return current_;
}

/// All are idle: each is taken to be where it would be if event time had gone on since its newest
/// row.
void Watermark::go_on(Moment now) {
  op::EventTimeUs lowest = op::end_of_time;
  auto silence = Moment::duration::max();
  for (const auto& [name, time] : partitions_) {
    if (time.ended || time.newest == op::no_watermark) continue;
    silence = std::min(silence, now - time.last_seen);
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now - time.last_seen);
    lowest = std::min(lowest, time.newest - event_time_.delay_ms * 1000 + since.count());
  }
  if (lowest == op::end_of_time) return;
  const Moment::duration step = std::max<Moment::duration>(
      std::chrono::milliseconds(event_time_.idle_ms), gone_on_ / steps_of_silence);
  if (silence - gone_on_ < step) return;
  gone_on_ = silence;
  current_ = std::max(current_, lowest);
}

Watermark::Slowest Watermark::slowest(Moment now, bool with_silent) const {
  Slowest slowest;
  for (const auto& [name, time] : partitions_) {
    if (time.ended || is_idle(time, now) || (!time.waiting && !with_silent)) continue;
    if (time.newest < slowest.time) slowest = {time.newest, time.waiting};
  }
  return slowest;
}

bool Watermark::is_too_far_ahead(const std::string& partition, const Slowest& slowest) const {
  const op::EventTimeUs reached = newest(partition);
  if (!bounds_drift() || reached == op::no_watermark) return false;
  if (slowest.time == op::no_watermark) return true;
  return reached > slowest.time && reached - slowest.time > event_time_.max_drift_ms * 1000;
}

Watermark::State Watermark::state() const {
  State state{.current = current_, .newest = {}};
  for (const auto& [name, time] : partitions_) state.newest[name] = time.newest;
  return state;
}

void Watermark::restore(const State& state, Moment now) {
  current_ = state.current;
  for (const auto& [name, newest] : state.newest) {
    PartitionTime& time = partitions_[name];
    time.newest = newest;
    time.last_seen = now;
  }
}

op::EventTimeUs Watermark::newest(const std::string& partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? op::no_watermark : found->second.newest;
}

}  // namespace leat::runtime
