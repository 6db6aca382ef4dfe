#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/backoff.h"
#include "connector/table.h"
#include "runtime/latency.h"
#include "runtime/lookup_cache.h"
#include "runtime/lookup_source.h"
#include "runtime/status.h"

namespace leat::runtime {

/// A table in another system at work: streams ask for keys, what is not known is asked of the
/// system on a thread of the table's own, and again for as long as the system is away. Thread-safe,
/// except `start` and `stop`.
class LookupTable final : public LookupSource {
 public:
  struct Waits {
    /// Between tries while the system is away: doubled each time, shortened by chance.
    std::chrono::milliseconds retry_first{100}, retry_max{10'000};
    /// Between tries where only somebody's hand can help.
    std::chrono::milliseconds mended_by_hand{15'000};
    /// Who waits is given an error when the system is away for longer (`--once`); nothing: never.
    std::optional<std::chrono::milliseconds> patience = {};
  };
  struct Setup {
    connector::TableInput input;
    std::string connector;  ///< its name
    std::unique_ptr<connector::Table> table;
    LookupCache::Bounds cache = {};
    Waits waits = {};
  };

  explicit LookupTable(Setup setup);
  ~LookupTable() override { stop(); }
  LookupTable(const LookupTable&) = delete;
  LookupTable& operator=(const LookupTable&) = delete;

  void start();
  /// Who waits, and who asks from now on, is given the error `stopping`.
  void stop();

  /// What the table has for each of these keys, which are distinct and as `key_codec` has them.
  /// Waits for the system. Errors: `stopping`, `table-failed`.
  Result<std::vector<Answer>> look_up(std::span<const std::string_view> keys) override;

  TableState state() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  /// Somebody who waits for keys; shared, as he may go away before all are there.
  struct Request {
    std::vector<Answer> answers;
    std::size_t open = 0;
  };
  struct Wanted {
    std::vector<std::pair<std::shared_ptr<Request>, std::size_t>> by;
    Time since;
  };
  using WantedKeys = std::unordered_map<std::string, Wanted>;
  class Collector;

  void run(const std::stop_token& stop);
  Status answer_until_it_fails(const std::stop_token& stop);
  std::vector<const std::string*> next_keys(const std::stop_token& stop);
  Status ask(std::span<const std::string* const> keys, const std::stop_token& stop);
  void take_answers(std::span<const std::string* const> keys, std::vector<LookedUp> answers);
  void succeeded();
  void on_failure(const Error& error, const std::stop_token& stop);

  Setup setup_;
  Backoff backoff_;
  Latency lookup_time_;  ///< of a round of keys

  mutable std::mutex mutex_;  ///< of what follows
  std::condition_variable_any wanted_changed_;
  std::condition_variable_any answered_;
  LookupCache cache_;
  WantedKeys wanted_;
  std::deque<const std::string*> queue_;  ///< of `wanted_`, not yet asked
  bool ended_ = false;
  std::string state_ = "starting";
  std::string last_error_;
  unsigned failures_in_a_row_ = 0;
  std::optional<Time> failing_since_;
  std::uint64_t hits_ = 0, misses_ = 0, missing_ = 0, refused_ = 0, failures_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

/// By name.
using LookupTables = std::map<std::string, std::unique_ptr<LookupTable>>;

}  // namespace leat::runtime
