#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "runtime/connectors.h"
#include "sql/program.h"
#include "trial/difference.h"

namespace leat::trial {

/// What became of one test.
struct TestResult {
  const pipeline::TestNode* test = nullptr;
  std::vector<Difference> differences;  ///< none: it passed
  /// Of a test that failed and says nothing of dead letters: what was refused, a line each. Often
  /// that is why.
  std::vector<std::string> refused;
  std::size_t refused_left_out = 0;
  std::chrono::microseconds duration{0};
  bool passed() const { return differences.empty(); }
};

/// Runs a test of the graph: with nothing connected, nothing on disk, and time in the test's hand.
/// `database` may be shared by tests that run one after the other. Error: what is no fault of the
/// pipeline or the test.
Result<TestResult> run_test(const pipeline::Graph& graph, const pipeline::TestNode& test,
                            const runtime::Connectors& connectors,
                            std::shared_ptr<sql::Database> database);

}  // namespace leat::trial
