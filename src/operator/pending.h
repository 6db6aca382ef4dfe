#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "state/keyed_shard.h"
#include "state/keyed_table.h"

namespace leat::op {

/// Which rows of a chunk belong to which shard.
class Scatter {
 public:
  /// Row r goes by `hashes[r]`; rows whose `skip` is set go nowhere (`skip` may be empty).
  void assign(const std::vector<std::uint64_t>& hashes, const std::vector<std::uint8_t>& skip,
              unsigned shards) {
    begins_.assign(shards + 1, 0);
    rows_.resize(hashes.size());
    const auto taken = [&](std::size_t row) { return skip.empty() || skip[row] == 0; };
    for (std::size_t row = 0; row < hashes.size(); ++row) {
      if (taken(row)) ++begins_[state::KeyedTable::shard_of(hashes[row], shards) + 1];
    }
    for (unsigned i = 0; i < shards; ++i) begins_[i + 1] += begins_[i];
    next_.assign(begins_.begin(), begins_.end() - 1);
    for (std::size_t row = 0; row < hashes.size(); ++row) {
      if (!taken(row)) continue;
      rows_[next_[state::KeyedTable::shard_of(hashes[row], shards)]++] =
          static_cast<std::uint32_t>(row);
    }
  }
  std::span<const std::uint32_t> rows_of(unsigned shard) const {
    return {rows_.data() + begins_[shard], begins_[shard + 1] - begins_[shard]};
  }

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<std::size_t> begins_;
  std::vector<std::size_t> next_;
};

/// What the workers absorbed in an epoch, kept until all shards have merged it. `Work` has `order`
/// and reset(). Each worker adds to its own list; merging begins when all have.
template <class Work>
class PendingWork {
 public:
  PendingWork(unsigned workers, unsigned shards) : workers_(workers), shards_(shards) {}

  /// A piece to fill, recycled where there is one; it counts once it is added.
  std::unique_ptr<Work> fresh(unsigned worker) {
    auto& spare = workers_[worker].spare;
    if (spare.empty()) return std::make_unique<Work>();
    std::unique_ptr<Work> work = std::move(spare.back());
    spare.pop_back();
    return work;
  }
  void add(unsigned worker, std::unique_ptr<Work> work) {
    workers_[worker].added.push_back(std::move(work));
  }

  /// All that was added, in order of arrival.
  std::vector<const Work*> in_order() const {
    std::vector<const Work*> all;
    for (const auto& worker : workers_) {
      for (const auto& work : worker.added) all.push_back(work.get());
    }
    std::stable_sort(all.begin(), all.end(), [](const Work* left, const Work* right) {
      return left->order < right->order;
    });
    return all;
  }

  /// A shard has merged everything; the last one to say so empties the lists.
  void merged() {
    if (merged_.fetch_add(1, std::memory_order_acq_rel) + 1 < shards_) return;
    merged_.store(0, std::memory_order_relaxed);
    for (auto& worker : workers_) {
      for (auto& work : worker.added) {
        work->reset();
        if (worker.spare.size() < spare_max) worker.spare.push_back(std::move(work));
      }
      worker.added.clear();
    }
  }

 private:
  static constexpr std::size_t spare_max = 64;  // a worker
  struct Worker {
    std::vector<std::unique_ptr<Work>> added;
    std::vector<std::unique_ptr<Work>> spare;
  };
  std::vector<Worker> workers_;
  const unsigned shards_;
  std::atomic<unsigned> merged_ = 0;
};

}  // namespace leat::op
