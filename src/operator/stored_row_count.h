#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "operator/definition_record.h"

namespace leat::op {

/// How many rows a view has, where its tables don't tell: kept in the view's family, as what is not
/// in memory is not counted when it is restored. Shards count; any thread asks.
class StoredRowCount {
 public:
  /// Relaxed: readers want only a recent number.
  void add(std::int64_t rows) { rows_.fetch_add(rows, std::memory_order_relaxed); }
  std::uint64_t rows() const {
    return static_cast<std::uint64_t>(rows_.load(std::memory_order_relaxed));
  }

  /// Once a commit.
  void persist(state::Family& family, state::CommitBatch& batch) {
    const std::int64_t rows = rows_.load(std::memory_order_relaxed);
    if (rows == stored_) return;
    batch.put(family, row_count_key,
              std::string_view(reinterpret_cast<const char*>(&rows), sizeof rows));
    stored_ = rows;
  }
  Status restore(const state::Store& store, const state::Family& family) {
    const std::optional<std::string> found = LEAT_TRY(store.get(family, row_count_key));
    if (found && found->size() == sizeof stored_) {
      std::memcpy(&stored_, found->data(), sizeof stored_);
      rows_.store(stored_, std::memory_order_relaxed);
    }
    return {};
  }

 private:
  std::atomic<std::int64_t> rows_{0};
  std::int64_t stored_ = 0;
};

}  // namespace leat::op
