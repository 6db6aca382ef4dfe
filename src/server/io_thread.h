#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace leat::server {

class Connection;

/// One thread that moves the bytes of its connections. All its members but `context` are for that
/// thread alone.
class IoThread {
 public:
  using Clock = std::chrono::steady_clock;

  IoThread();
  ~IoThread();
  void start();
  /// Closes all connections and ends the thread. From another thread.
  void stop();

  boost::asio::io_context& context() { return context_; }
  bool is_current() const;
  /// What is posted from now on may never run. From any thread.
  bool is_stopping() const { return stopping_.load(); }
  /// Now, as of the last tick: for deadlines of seconds.
  Clock::time_point coarse_now() const { return now_; }
  /// For the header Date.
  const std::string& date() const { return date_; }

  void add(std::shared_ptr<Connection> connection);
  void remove(Connection& connection);
  /// Ends the connections that wait for nothing.
  void close_idle();

 private:
  void tick();

  static constexpr std::chrono::milliseconds tick_interval{250};

  boost::asio::io_context context_;
  boost::asio::steady_timer timer_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  Clock::time_point now_;
  std::string date_;
  std::thread thread_;
  std::atomic<std::thread::id> id_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace leat::server
