#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "server/exchange.h"

namespace leat::server {

/// A few threads for what blocks or takes long: queries, big bodies, reading the log. Thread-safe.
class WorkPool {
 public:
  using Work = std::move_only_function<void(Exchange)>;

  WorkPool(unsigned threads, std::size_t waiting_max);
  ~WorkPool();

  /// Runs `work` later; answers the exchange with `overloaded` when too much is waiting already.
  void submit(Exchange exchange, Work work);
  /// Answers what still waits with `stopping`, and ends when what runs has ended.
  void stop();

 private:
  struct Item {
    Exchange exchange;
    Work work;
  };
  void run();

  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace leat::server
