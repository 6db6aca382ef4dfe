#include "state/timeline.h"

#include <mutex>
#include <set>

#include "base/check.h"

namespace leat::state {

struct Timeline::Registry {
  std::mutex mutex;
  std::multiset<Epoch> visible;  // one a live snapshot
  std::multiset<Epoch> stored;   // one a live snapshot: the commit that its store view shows
  Epoch committed;
  std::shared_ptr<const StoreView> store_view;  // as of `committed`
  std::shared_ptr<const Snapshot> current;
};

class Timeline::TimelineSnapshot final : public Snapshot {
 public:
  /// The caller holds the registry's mutex.
  TimelineSnapshot(std::shared_ptr<Registry> registry, Epoch epoch)
      : registry_(std::move(registry)),
        epoch_(epoch),
        committed_(registry_->committed),
        store_view_(registry_->store_view) {
    registry_->visible.insert(epoch_);
    registry_->stored.insert(committed_);
  }
  TimelineSnapshot(const TimelineSnapshot&) = delete;
  TimelineSnapshot& operator=(const TimelineSnapshot&) = delete;
  ~TimelineSnapshot() override {
    std::lock_guard lock(registry_->mutex);
    registry_->visible.erase(registry_->visible.find(epoch_));
    registry_->stored.erase(registry_->stored.find(committed_));
  }

  Epoch epoch() const override { return epoch_; }
  const StoreView* store_view() const override { return store_view_.get(); }

 private:
  std::shared_ptr<Registry> registry_;
  Epoch epoch_;
  Epoch committed_;
  std::shared_ptr<const StoreView> store_view_;
};

Timeline::Timeline(Store& store) : store_(store), registry_(std::make_shared<Registry>()) {
  registry_->store_view = store_.view();
  std::lock_guard lock(registry_->mutex);
  registry_->current = std::make_shared<TimelineSnapshot>(registry_, Epoch(0));
}

Timeline::~Timeline() {
  std::shared_ptr<const Snapshot> last;  // goes after the lock: its destructor takes it
  std::lock_guard lock(registry_->mutex);
  last = std::move(registry_->current);
  registry_->store_view.reset();
}

void Timeline::publish(Epoch epoch) {
  std::shared_ptr<const Snapshot> old;
  std::lock_guard lock(registry_->mutex);
  LEAT_CHECK(registry_->current->epoch() <= epoch);
  old = std::exchange(registry_->current, std::make_shared<TimelineSnapshot>(registry_, epoch));
}

void Timeline::committed(Epoch epoch) {
  std::shared_ptr<const StoreView> view = store_.view();
  std::shared_ptr<const Snapshot> old;
  std::lock_guard lock(registry_->mutex);
  LEAT_CHECK(registry_->committed <= epoch);
  registry_->committed = epoch;
  registry_->store_view = std::move(view);
  const Epoch visible = registry_->current->epoch();
  old = std::exchange(registry_->current, std::make_shared<TimelineSnapshot>(registry_, visible));
}

std::shared_ptr<const Snapshot> Timeline::take_snapshot() const {
  std::lock_guard lock(registry_->mutex);
  return registry_->current;
}

Epoch Timeline::oldest_visible() const {
  std::lock_guard lock(registry_->mutex);
  return *registry_->visible.begin();
}

Epoch Timeline::oldest_committed() const {
  std::lock_guard lock(registry_->mutex);
  return *registry_->stored.begin();
}

Epoch Timeline::last_committed() const {
  std::lock_guard lock(registry_->mutex);
  return registry_->committed;
}

}  // namespace leat::state
