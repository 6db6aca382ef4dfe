#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "sql/handles.h"

namespace leat::sql {

/// Interrupts connections whose query has run out of time. An interrupt that comes before DuckDB
/// has begun to execute is lost, so it is repeated until the query has ended. Thread-safe; owns a
/// thread.
class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Watchdog();

  /// Guards one query for as long as it lives.
  class Guard {
   public:
    Guard(Watchdog& dog, duckdb_connection connection, Time deadline);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    /// Ends the query now.
    void expire();
    bool expired() const;

   private:
    Watchdog& dog_;
    std::size_t id_;
  };

 private:
  struct Watched {
    duckdb_connection connection;
    Time deadline;
  };
  void watch(const std::stop_token& stop);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::size_t, Watched> watched_;
  std::size_t next_id_ = 0;
  std::size_t changes_ = 0;  ///< to `watched_` that the thread must look at
  std::size_t changes_seen_ = 0;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace leat::sql
