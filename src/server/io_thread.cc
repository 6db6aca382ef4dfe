#include "server/io_thread.h"

#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "server/connection.h"
#include "server/response.h"

namespace leat::server {

IoThread::IoThread() : context_(1), timer_(context_), now_(Clock::now()), date_(http_date_now()) {}

IoThread::~IoThread() { stop(); }

void IoThread::start() {
  tick();
  thread_ = std::thread([this] {
    id_.store(std::this_thread::get_id());
    const auto guard = boost::asio::make_work_guard(context_);
    context_.run();
  });
}

void IoThread::stop() {
  stopping_ = true;
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    while (!connections_.empty()) {
      const auto connection = connections_.begin()->second;
      connection->close();
    }
    context_.stop();
  });
  thread_.join();
}

bool IoThread::is_current() const {
  return std::this_thread::get_id() == id_.load(std::memory_order_relaxed);
}

void IoThread::add(std::shared_ptr<Connection> connection) {
  Connection* const key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void IoThread::remove(Connection& connection) { connections_.erase(&connection); }

void IoThread::close_idle() {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->close_if_idle();
}

void IoThread::tick() {
  now_ = Clock::now();
  date_ = http_date_now();
  std::vector<std::shared_ptr<Connection>> expired;
  for (const auto& [key, connection] : connections_) {
    if (connection->deadline() <= now_) expired.push_back(connection);
  }
  for (const auto& connection : expired) connection->expire();
  timer_.expires_after(tick_interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

}  // namespace leat::server
