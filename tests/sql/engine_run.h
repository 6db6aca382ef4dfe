#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/simulated_file_system.h"
#include "runtime/assembly.h"
#include "runtime/epoch_loop.h"
#include "runtime/pusher.h"
#include "trial/standing_clock.h"

namespace leat::proof {

/// The engine's own assembly and epoch loop over topics in memory, moved by hand and killed at
/// will. Used by one thread.
class EngineRun {
 public:
  struct Setup {
    const pipeline::Graph& graph;
    std::shared_ptr<sql::Database> database;  ///< shared by all runs, as opening one takes long
    unsigned workers = 1;
    /// Where the store lies.
    enum class Disk {
      none,       ///< in memory, gone with a kill
      real,       ///< in `directory`, where a kill loses nothing that was written
      simulated,  ///< beside the topics, where a kill loses what was not synced
    };
    Disk disk = Disk::none;
    std::string directory = {};
    std::size_t state_memory_max = std::size_t{1} << 30;
    std::size_t slice_bytes = 1 << 20;
  };
  static Result<std::unique_ptr<EngineRun>> start(Setup setup);
  /// Not started yet: open() does that.
  explicit EngineRun(Setup setup);
  Status open();
  /// Ends in order, and nothing is lost; open() starts it again.
  void close();

  /// Puts records at a topic's end, as one batch, on disk before this returns. The topic's n-th
  /// came n seconds after the clock's time, in each run.
  Status append(const std::string& topic, std::span<const std::string> records);
  /// The same, as a server does for who pushes.
  Result<runtime::Appended> push(const std::string& topic, std::span<const std::string> records,
                                 const runtime::PushIdentity& identity);
  /// From now on the table has these rows, JSON objects, and no others.
  Status set_table(const std::string& table, const std::vector<std::string>& rows);
  /// Epochs until all is taken in, and a commit of them.
  Status settle() { return loop_->settle(); }
  /// One epoch without a commit; false: nothing was left to take in.
  Result<bool> step() { return loop_->step(); }
  /// The input has ended: all windows close.
  Status finish() { return loop_->finish(); }
  /// The engine is gone where it stands, what was not synced with it, and starts again.
  Status kill(std::uint64_t seed);
  /// The same without the start.
  void lose_power(std::uint64_t seed);

  struct Rows {
    Schema schema;
    std::vector<Chunk> chunks;
  };
  /// Of a view, as queries see them.
  Result<Rows> rows_of(const std::string& view);
  /// All dead letters that are there to read.
  Result<std::vector<std::string>> letters();
  /// What a topic holds, on disk.
  Result<std::vector<std::string>> records_of(const std::string& topic) const;
  /// So many are there.
  std::size_t records_in(const std::string& topic) const;
  /// Those that everything lies in but a real store.
  io::SimulatedFileSystem& files() { return files_; }

 private:
  runtime::Connectors connectors();

  const Setup setup_;
  io::SimulatedFileSystem files_;
  trial::StandingClock clock_;
  /// What a table has; read by the engine, changed between its epochs.
  struct TableContent {
    std::uint64_t version = 0;
    std::vector<std::string> rows;
  };
  std::map<std::string, TableContent> tables_;
  std::unique_ptr<runtime::Assembly> assembly_;
  std::unique_ptr<runtime::EpochLoop> loop_;
};

}  // namespace leat::proof
