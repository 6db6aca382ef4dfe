#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace leat::runtime {

/// The engine's threads: the caller is worker 0, the others wait between calls. `run` and `each`
/// are called by one thread.
class WorkerPool {
 public:
  explicit WorkerPool(unsigned workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  unsigned size() const { return static_cast<unsigned>(threads_.size()) + 1; }

  /// Calls `work(worker)` once on each of the first `workers` workers and returns when all are
  /// done; the first Error of any. With one worker nothing is woken: a small epoch costs no thread
  /// switch.
  Status run(unsigned workers, const std::function<Status(unsigned)>& work);

  /// Calls `task(worker, index)` for every index below `count`, spread over up to `workers`
  /// workers.
  Status each(unsigned workers, std::size_t count,
              const std::function<Status(unsigned, std::size_t)>& task);

 private:
  void wait_for_work(unsigned worker);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const std::function<Status(unsigned)>* work_ = nullptr;
  std::uint64_t round_ = 0;  // rises with every run
  unsigned asked_ = 0;       // workers that take part in the round, worker 0 included
  unsigned running_ = 0;
  Status outcome_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace leat::runtime
