#include "runtime/input_planner.h"

#include <algorithm>
#include <tuple>

namespace leat::runtime {

void InputPlanner::begin_epoch(const std::vector<InputPartition*>& partitions,
                               std::size_t bytes_max, const ProgressOf& progress_of) {
  std::lock_guard lock(mutex_);
  candidates_.clear();
  for (InputPartition* partition : partitions) {
    if (partition->may_have_data()) candidates_.push_back({partition, progress_of(*partition)});
  }
  any_bounded_ = std::ranges::any_of(
      candidates_, [](const Candidate& candidate) { return candidate.progress.drift_max > 0; });
  bytes_left_ = bytes_max;
  next_order_ = 0;
}

op::EventTimeUs InputPlanner::expected(const Candidate& candidate) {
  if (candidate.progress.reached == op::no_watermark) {
    // Not known yet: one slice tells, more of it can wait until then.
    return candidate.slices == 0 ? op::no_watermark : op::end_of_time;
  }
  const auto slices = static_cast<op::EventTimeUs>(candidate.slices);
  return candidate.progress.reached + slices * candidate.progress.per_slice;
}

/// By group: where the one furthest behind will be, of those that have more.
std::map<std::size_t, op::EventTimeUs> InputPlanner::slowest() const {
  std::map<std::size_t, op::EventTimeUs> slowest;
  for (const Candidate& candidate : candidates_) {
    if (!any_bounded_ || candidate.exhausted) continue;
    const op::EventTimeUs at = expected(candidate);
    const auto group = slowest.try_emplace(candidate.progress.group, at).first;
    group->second = std::min(group->second, at);
  }
  return slowest;
}

InputPlanner::Candidate* InputPlanner::choose() {
  const std::map<std::size_t, op::EventTimeUs> slowest_of = slowest();
  Candidate* best = nullptr;
  for (Candidate& candidate : candidates_) {
    if (candidate.exhausted || candidate.leased) continue;
    const op::EventTimeUs at = expected(candidate);
    const std::int64_t drift_max = candidate.progress.drift_max;
    if (drift_max > 0 && at != op::end_of_time) {
      const op::EventTimeUs behind = slowest_of.at(candidate.progress.group);
      if (at > behind && (behind == op::no_watermark || at - behind > drift_max)) continue;
    }
    const auto rank = [](const Candidate& c) { return std::tuple(expected(c), c.slices); };
    if (best == nullptr || rank(candidate) < rank(*best)) best = &candidate;
  }
  return best;
}

InputPlanner::Lease InputPlanner::lease() {
  std::unique_lock lock(mutex_);
  while (bytes_left_ > 0) {
    if (Candidate* chosen = choose()) {
      chosen->leased = true;
      ++chosen->slices;
      return {chosen->partition, next_order_++};
    }
    const bool any_leased = std::any_of(candidates_.begin(), candidates_.end(),
                                        [](const auto& candidate) { return candidate.leased; });
    if (!any_leased) break;
    returned_.wait(lock);
  }
  return {};
}

void InputPlanner::give_back(InputPartition* partition, std::size_t bytes, bool more) {
  {
    std::lock_guard lock(mutex_);
    for (Candidate& candidate : candidates_) {
      if (candidate.partition != partition) continue;
      candidate.leased = false;
      candidate.exhausted = !more;
    }
    bytes_left_ -= std::min(bytes_left_, bytes);
  }
  returned_.notify_all();
}

}  // namespace leat::runtime
