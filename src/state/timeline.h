#pragma once

#include <memory>

#include "base/ids.h"
#include "state/store.h"

namespace leat::state {

/// Which epochs are visible, which are durable, and which somebody still looks at: shared by all
/// tables of an engine, so that a snapshot shows one epoch of all of them. Thread-safe. Snapshots
/// may outlive the timeline, but not the store.
class Timeline {
 public:
  /// Starts at epoch 0; after a recovery the runtime publishes and commits the recovered epoch.
  explicit Timeline(Store& store);
  ~Timeline();

  /// The epoch's merges are all done: from now on snapshots show it. Epochs only rise.
  void publish(Epoch epoch);
  /// Everything up to the epoch is in the store: call it after Store::commit. Until it is called,
  /// tables neither evict nor forget what was persisted.
  void committed(Epoch epoch);
  /// The newest published epoch.
  std::shared_ptr<const Snapshot> take_snapshot() const;

  /// What tables may let go: no snapshot shows an epoch before this one.
  Epoch oldest_visible() const;
  /// The store as every snapshot sees it holds at least this epoch.
  Epoch oldest_committed() const;
  /// The store holds at least this epoch.
  Epoch last_committed() const;

 private:
  struct Registry;
  class TimelineSnapshot;

  Store& store_;
  std::shared_ptr<Registry> registry_;
};

}  // namespace leat::state
