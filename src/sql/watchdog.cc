#include "sql/watchdog.h"

#include <algorithm>

namespace leat::sql {
namespace {

constexpr std::chrono::milliseconds repeat_after{20};

}  // namespace

Watchdog::Watchdog() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}

Watchdog::Guard::Guard(Watchdog& dog, duckdb_connection connection, Time deadline) : dog_(dog) {
  const std::lock_guard lock(dog_.mutex_);
  id_ = dog_.next_id_++;
  dog_.watched_.emplace(id_, Watched{connection, deadline});
  ++dog_.changes_;
  dog_.changed_.notify_all();
}

Watchdog::Guard::~Guard() {
  const std::lock_guard lock(dog_.mutex_);
  dog_.watched_.erase(id_);
}

void Watchdog::Guard::expire() {
  const std::lock_guard lock(dog_.mutex_);
  dog_.watched_.at(id_).deadline = std::chrono::steady_clock::now();
  ++dog_.changes_;
  dog_.changed_.notify_all();
}

bool Watchdog::Guard::expired() const {
  const std::lock_guard lock(dog_.mutex_);
  return dog_.watched_.at(id_).deadline <= std::chrono::steady_clock::now();
}

void Watchdog::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Time now = std::chrono::steady_clock::now();
    Time next = Time::max();
    for (const auto& [id, watched] : watched_) {
      if (watched.deadline <= now) duckdb_interrupt(watched.connection);
      next = std::min(next, std::max(watched.deadline, now + repeat_after));
    }
    changes_seen_ = changes_;
    const auto changed = [this] { return changes_ != changes_seen_; };
    if (next == Time::max()) {
      changed_.wait(lock, stop, changed);
    } else {
      changed_.wait_until(lock, stop, next, changed);
    }
  }
}

}  // namespace leat::sql
