#include "runtime/worker_pool.h"

#include <atomic>

namespace leat::runtime {

WorkerPool::WorkerPool(unsigned workers) {
  for (unsigned worker = 1; worker < workers; ++worker) {
    threads_.emplace_back([this, worker] { wait_for_work(worker); });
  }
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::wait_for_work(unsigned worker) {
  std::uint64_t seen = 0;
  while (true) {
    const std::function<Status(unsigned)>* work = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || (round_ != seen && worker < asked_); });
      if (stopping_) return;
      seen = round_;
      work = work_;
    }
    Status status = (*work)(worker);
    std::lock_guard lock(mutex_);
    if (!status && outcome_) outcome_ = std::move(status);
    if (--running_ == 0) done_.notify_one();
  }
}

Status WorkerPool::run(unsigned workers, const std::function<Status(unsigned)>& work) {
  workers = std::min(workers, size());
  if (workers <= 1) return work(0);
  {
    std::lock_guard lock(mutex_);
    work_ = &work;
    asked_ = workers;
    running_ = workers - 1;
    outcome_ = {};
    ++round_;
  }
  wake_.notify_all();
  Status own = work(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
  asked_ = 0;
  if (!own) return own;
  return std::move(outcome_);
}

Status WorkerPool::each(unsigned workers, std::size_t count,
                        const std::function<Status(unsigned, std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  return run(static_cast<unsigned>(std::min<std::size_t>(workers, count)),
             [&](unsigned worker) -> Status {
               for (std::size_t index = next++; index < count && !failed; index = next++) {
                 Status status = task(worker, index);
                 if (!status) {
                   failed = true;
                   return status;
                 }
               }
               return {};
             });
}

}  // namespace leat::runtime
