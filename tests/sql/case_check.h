#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "case_file.h"
#include "judge.h"
#include "pipeline/graph.h"
#include "sql/analyse.h"
#include "sql/program.h"

namespace leat::proof {

/// How a case is run. Each way must give the same rows.
enum class Way {
  straight,  ///< all rows of a step at once
  workers,   ///< two workers, a few rows in a slice
  rows,      ///< an epoch for every row
  kills,     ///< killed at random epochs, and started again from what was committed
};
std::string to_string(Way way);

/// Runs cases and says what is wrong. Used by one thread.
class CaseCheck {
 public:
  struct Setup {
    std::string directory;  ///< for stores that outlive their engine
    std::vector<Way> ways = {Way::straight, Way::workers, Way::rows, Way::kills};
    std::uint64_t seed = 1;
    unsigned kills_runs = 1;  ///< how often each case is run with kills, each by another seed
  };
  static Result<std::unique_ptr<CaseCheck>> open(Setup setup);

  /// What is wrong, for people: the place, the way, the seed, the rows. Nothing: all is as it
  /// should be.
  std::optional<std::string> fault_of(const Case& one);
  /// What DuckDB answers over the whole input.
  Result<Table> judged(const Case& one);
  std::size_t runs() const { return runs_; }
  void set_seed(std::uint64_t seed) { setup_.seed = seed; }

 private:
  std::optional<std::string> refusal_fault(const Case& one);
  std::optional<std::string> run_fault(const Case& one, const pipeline::Graph& graph, Way way,
                                       std::uint64_t seed);

  Setup setup_;
  std::unique_ptr<sql::Analyser> analyser_;
  std::shared_ptr<sql::Database> database_;
  std::unique_ptr<Judge> judge_;
  std::size_t runs_ = 0;
};

}  // namespace leat::proof
