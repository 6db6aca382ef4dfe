#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace leat::state {

/// A named space of keys in the store: one RocksDB column family (one a view, and a few of the
/// engine's own).
class Family;

/// Changes that become durable together, and only together. Built by one thread at a time.
class CommitBatch {
 public:
  virtual ~CommitBatch() = default;
  virtual void put(Family& family, std::string_view key, std::string_view value) = 0;
  virtual void remove(Family& family, std::string_view key) = 0;
  virtual void remove_range(Family& family, std::string_view begin, std::string_view end) = 0;
  virtual std::size_t bytes() const = 0;
};

/// One epoch's state of everything, for as long as it is held: the store as of a commit, and in
/// memory what epochs have changed since. Cheap to take; queries hold one for at most their time
/// limit.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Epoch epoch() const = 0;
};

}  // namespace leat::state
