#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine_run.h"
#include "judge.h"

namespace leat::proof {

enum class DiskFault {
  stop,         ///< the machine stops there, and starts again
  io_error,     ///< the operation fails
  disk_full,    ///< there is no room for it, once
  short_write,  ///< half of it is done
};
std::string to_string(DiskFault fault);

/// One case on an engine whose log and store lie on a simulated disk: rows come one by one, with
/// epochs and commits in between, while one operation of the disk goes wrong. Whoever can't go on
/// is started again after a power loss, as `leat run` would be, and goes on from what the topics
/// hold. The law: every row that was acknowledged is there, each once, and the view is what DuckDB
/// says of the rows that are there. Used by one thread.
class FaultRun {
 public:
  struct Setup {
    const Case& one;
    const pipeline::Graph& graph;
    std::shared_ptr<sql::Database> database;
    Judge& judge;  ///< has taken the case
  };
  explicit FaultRun(Setup setup);

  /// Whether the disk got as far as that operation: the `nth` that changes something. An Error is
  /// a breach of the law, or what should not have failed.
  Result<bool> run(DiskFault fault, std::uint64_t nth);

  struct Flips {
    std::size_t tried = 0;
    std::size_t refused = 0;  ///< the engine said what is wrong in place of going on
  };
  /// After a whole run without a fault: a bit of each file is turned at up to `places` places, one
  /// at a time. An Error where the engine then shows something else than before.
  Result<Flips> flip_bits(std::size_t places);

 private:
  struct Progress {
    const Relation* stream = nullptr;
    std::vector<std::string> records;
    std::size_t tried = 0;         ///< appended, or may be
    std::size_t acknowledged = 0;  ///< and on disk
  };

  std::unique_ptr<EngineRun> new_engine() const;
  void begin();
  Progress* next();
  Status work();
  Status restart();
  Status count_what_is_there();
  Status end();
  Status compare(const char* when);
  using Files = std::map<std::string, std::string>;  // contents by path
  Status open_with(const Files& files);
  Status flip_bit(Files files, const std::string& path, std::size_t place, Flips& flips);

  const Setup setup_;
  std::mt19937_64 random_;
  std::unique_ptr<EngineRun> engine_;
  std::vector<Progress> streams_;
};

}  // namespace leat::proof
