#include "server/work_pool.h"

#include "server/api_error.h"

namespace leat::server {

WorkPool::WorkPool(unsigned threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkPool::~WorkPool() { stop(); }

void WorkPool::submit(Exchange exchange, Work work) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < waiting_max_) {
      waiting_.push_back({std::move(exchange), std::move(work)});
      changed_.notify_one();
      return;
    }
  }
  exchange.reply(response_of(
      Error{Domain::external, "overloaded",
            "the server has as many requests waiting as it may; try again in a moment", true}));
}

void WorkPool::stop() {
  std::deque<Item> left;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(waiting_);
    changed_.notify_all();
  }
  for (Item& item : left) {
    item.exchange.reply(
        response_of(Error{Domain::external, "stopping", "the server is stopping", true}));
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Item item = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    item.work(std::move(item.exchange));
    lock.lock();
  }
}

}  // namespace leat::server
