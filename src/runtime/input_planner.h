#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "runtime/input.h"

namespace leat::runtime {

/// Deals one epoch's input out to the workers: whole slices, the partition that is furthest behind
/// first, so that partitions stay together in event time while they are caught up. `lease` and
/// `give_back` are called by all workers of an epoch.
class InputPlanner {
 public:
  /// How far a partition has come in event time, and how much further a slice brings it, as far as
  /// known.
  struct Progress {
    op::EventTimeUs reached = op::no_watermark;
    op::EventTimeUs per_slice = 0;
    std::int64_t drift_max = 0;  ///< how far ahead of its group it may get; 0: no bound
    std::size_t group = 0;       ///< those that are read in step
  };
  using ProgressOf = std::function<Progress(const InputPartition&)>;

  /// `bytes_max`: no slice is dealt any more once the epoch has read this much.
  void begin_epoch(const std::vector<InputPartition*>& partitions, std::size_t bytes_max,
                   const ProgressOf& progress_of);

  struct Lease {
    InputPartition* partition = nullptr;  ///< null: the epoch has all its input
    std::uint64_t order = 0;              ///< rises with each lease: the slice's place in the epoch
  };
  /// Waits while every partition that may have data is leased to somebody else.
  Lease lease();
  /// `bytes` read under the lease; `more`: the partition may have more.
  void give_back(InputPartition* partition, std::size_t bytes, bool more);

 private:
  struct Candidate {
    InputPartition* partition;
    Progress progress;
    std::uint64_t slices = 0;  // dealt in this epoch
    bool leased = false;
    bool exhausted = false;
  };
  /// Where the candidate will be once the slices already dealt are done.
  static op::EventTimeUs expected(const Candidate& candidate);
  Candidate* choose();
  std::map<std::size_t, op::EventTimeUs> slowest() const;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Candidate> candidates_;
  bool any_bounded_ = false;  // some may not drift
  std::size_t bytes_left_ = 0;
  std::uint64_t next_order_ = 0;
};

}  // namespace leat::runtime
