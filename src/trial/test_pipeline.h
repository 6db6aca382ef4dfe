#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/simulated_file_system.h"
#include "runtime/assembly.h"
#include "runtime/epoch_loop.h"
#include "trial/standing_clock.h"
#include "trial/test_table.h"

namespace leat::trial {

/// A pipeline as one test runs it: the engine's own assembly and epoch loop, over files and a store
/// in memory and a clock that the test moves. Used by one thread.
class TestPipeline {
 public:
  struct Setup {
    const pipeline::Graph& whole;
    const pipeline::TestNode& test;
    const runtime::Connectors& connectors;
    std::shared_ptr<sql::Database> database;  ///< shared by all tests, as opening one takes long
  };
  /// Nothing has come in yet, and views say what they say of nothing.
  static Result<std::unique_ptr<TestPipeline>> start(const Setup& setup);

  /// Puts in what a test gives and runs epochs until all of it has gone its way. Errors: why the
  /// pipeline stopped, as `expectation-failed` (user).
  Status give(const pipeline::TestGiven& given);

  /// The rows of a view now, or of a stream since the beginning; they own their texts.
  Result<std::vector<Chunk>> rows_of(const std::string& name);
  const Schema& schema_of(const std::string& name) const;
  /// "view users_by_country".
  std::string described(const std::string& name) const;
  /// All dead letters since the beginning, as JSON (docs/formats/dead_letters.md).
  Result<std::vector<std::string>> dead_letters();

 private:
  explicit TestPipeline(const Setup& setup);
  Status append(const pipeline::TestGiven& given);
  runtime::Connectors table_connectors(const pipeline::Graph& graph);

  io::SimulatedFileSystem files_;
  StandingClock clock_;
  std::set<std::string> csv_, headed_;  // topics, as TestGraph has them
  std::map<std::string, std::shared_ptr<TableRows>> tables_;
  std::unique_ptr<runtime::Assembly> assembly_;
  std::unique_ptr<runtime::EpochLoop> loop_;
};

}  // namespace leat::trial
