#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "operator/definition_record.h"
#include "operator/operator.h"
#include "state/timeline.h"

namespace leat::op {

inline EventTimeUs add_saturated(EventTimeUs time, std::int64_t delta) {
  EventTimeUs sum;
  if (!__builtin_add_overflow(time, delta, &sum)) return sum;
  return delta > 0 ? end_of_time : no_watermark;
}

/// How far the windows of a view have closed, now and as any snapshot sees it. Thread-safe.
class WindowClock {
 public:
  /// `key`: what it is stored under in a view's family.
  explicit WindowClock(const state::Timeline& timeline, std::string_view key = watermark_key)
      : timeline_(timeline), key_(key) {
    steps_.push_back({Epoch(0), no_watermark});
  }

  /// Windows that end at or before this are closed.
  EventTimeUs now() const {
    std::lock_guard lock(mutex_);
    return steps_.back().time;
  }
  /// The same as an epoch left it.
  EventTimeUs at(Epoch epoch) const {
    std::lock_guard lock(mutex_);
    auto it = std::upper_bound(steps_.begin(), steps_.end(), epoch,
                               [](Epoch wanted, const Step& step) { return wanted < step.epoch; });
    return it == steps_.begin() ? no_watermark : std::prev(it)->time;
  }
  /// As the epochs before this one left it, whichever shards of this one have moved on.
  EventTimeUs before(Epoch epoch) const { return at(Epoch(epoch.value() - 1)); }
  /// Moves on in an epoch, never back. Each shard says so.
  void advance(Epoch epoch, EventTimeUs time) {
    const Epoch oldest = timeline_.oldest_visible();
    std::lock_guard lock(mutex_);
    if (time <= steps_.back().time) return;
    if (steps_.back().epoch == epoch) {
      steps_.back().time = time;
    } else {
      steps_.push_back({epoch, time});
    }
    while (steps_.size() > 1 && steps_[1].epoch <= oldest) steps_.pop_front();
  }
  /// Writes it down where it differs from what was last written. Once a commit, by one thread.
  void persist(state::Family& family, state::CommitBatch& batch) {
    const EventTimeUs time = now();
    if (time == stored_) return;
    batch.put(family, key_, std::string_view(reinterpret_cast<const char*>(&time), sizeof time));
    stored_ = time;
  }
  /// What the last commit held; before the first epoch.
  Status restore(const state::Store& store, const state::Family& family) {
    const std::optional<std::string> time = LEAT_TRY(store.get(family, key_));
    if (!time || time->size() != sizeof stored_) return {};
    std::memcpy(&stored_, time->data(), sizeof stored_);
    restore(stored_);
    return {};
  }
  /// The same, as somebody else read it.
  void restore(EventTimeUs time) {
    std::lock_guard lock(mutex_);
    steps_ = {{Epoch(0), time}};
  }

 private:
  struct Step {
    Epoch epoch;
    EventTimeUs time;
  };
  const state::Timeline& timeline_;
  const std::string key_;
  mutable std::mutex mutex_;
  std::deque<Step> steps_;
  EventTimeUs stored_ = no_watermark;
};

}  // namespace leat::op
