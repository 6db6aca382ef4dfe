#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "connector/reference_table.h"
#include "model/changes.h"
#include "model/schema.h"
#include "runtime/status.h"

namespace leat::runtime {

/// Follows a table that is kept: reads it when it has changed, and offers what differs from the
/// rows that the engine has as changes for one epoch. `start` and `stop` are for one thread, `look`
/// for that one while nothing was started, `take` and `taken` for the epoch loop's; the rest may be
/// called from any.
class ReferenceLoader {
 public:
  /// Calls the sink with the rows that the engine has, until it says false.
  using Scan = std::function<Status(const std::function<bool(const Chunk&)>&)>;
  struct Setup {
    std::string name;
    std::string connector;  ///< its name
    Schema schema;
    std::unique_ptr<connector::ReferenceTable> table;
    std::chrono::milliseconds reload{1000};  ///< between two looks
    Scan scan;
    std::function<void()> wake = {};  ///< there is something to take
  };

  explicit ReferenceLoader(Setup setup);
  ~ReferenceLoader() { stop(); }
  ReferenceLoader(const ReferenceLoader&) = delete;
  ReferenceLoader& operator=(const ReferenceLoader&) = delete;

  void on_change(std::function<void()> wake) { setup_.wake = std::move(wake); }
  /// Reads the table now, if it may have changed. An error is also in the status and the log.
  Status look();
  void start();
  void stop();

  /// What an epoch is to take in; empty: nothing has changed.
  std::vector<ChangeChunk> take();
  /// That epoch is visible: `Setup::scan` gives its rows.
  void taken();
  /// It was read at least once, by this process.
  bool loaded() const;
  TableState state() const;

 private:
  void run(const std::stop_token& stop);
  Status look_at(bool unchanged_twice);
  Status load(const std::string& version);
  Result<std::vector<ChangeChunk>> difference(std::vector<Chunk> rows) const;
  void offer(std::vector<ChangeChunk> changes);
  void note_failure(const Error& error);

  Setup setup_;
  std::string seen_;     // version at the last look
  std::string settled_;  // the one that was read, or found not to be a table

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable_any changed_;
  std::vector<ChangeChunk> offered_;
  bool waits_for_epoch_ = false;  // what was offered is not visible yet
  bool loaded_ = false;
  std::string state_ = "starting";
  std::string last_error_;
  std::uint64_t loads_ = 0, failures_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace leat::runtime
