#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "case_check.h"
#include "engine_run.h"
#include "judge.h"

namespace leat::proof {

/// One run of a case in one way. It ends at the first difference from what the case or DuckDB says.
class CaseRun {
 public:
  struct Setup {
    const Case& one;
    const pipeline::Graph& graph;
    Way way = Way::straight;
    std::uint64_t seed = 0;
    std::string directory;  ///< for the store of a run with kills
    std::shared_ptr<sql::Database> database;
    Judge& judge;  ///< has taken the case in
  };
  explicit CaseRun(Setup setup);

  /// Error: why the engine stopped or the judge could not say.
  Status run();
  /// The rows that differ; empty: none.
  const std::string& fault() const { return fault_; }
  /// How far the run had come, in words.
  std::string at() const;

 private:
  struct Next {
    const Relation* stream;
    const InputRow* row;
  };
  Status take_step(std::size_t step);
  Status set_tables(std::size_t step);
  std::vector<Next> interleaved(std::size_t step);
  Status append_at_once(std::size_t step, std::size_t batch_rows);
  Status append(const Next& next);
  Status by_rows(std::size_t step);
  Status with_kills(std::size_t step);
  Status kill();
  Status end();
  Status compare_with_expected();
  Status compare_so_far();
  Status compare_letters();
  bool may_compare_so_far() const;
  std::size_t any(std::size_t bound) { return random_() % bound; }

  const Setup setup_;
  std::mt19937_64 random_;
  std::unique_ptr<EngineRun> engine_;
  std::map<std::string, std::size_t> taken_;  // rows, by stream; of a table steps
  std::size_t rows_ = 0, kills_ = 0;
  bool ended_ = false;
  std::string fault_;
};

}  // namespace leat::proof
