#include "trial/test_run.h"

#include <algorithm>

#include "trial/letter_comparison.h"
#include "trial/row_comparison.h"
#include "trial/test_pipeline.h"

namespace leat::trial {
namespace {

using pipeline::TestExpectation;
using pipeline::TestNode;

/// Dead letters that are shown of a test that does not speak of them.
constexpr std::size_t refused_shown_max = 5;

class TestRun {
 public:
  TestRun(const TestNode& test, std::unique_ptr<TestPipeline> pipeline)
      : pipeline_(std::move(pipeline)) {
    result_.test = &test;
  }

  Result<TestResult> run() {
    for (const TestNode::Step& step : result_.test->steps) {
      for (const pipeline::TestGiven& given : step.given) LEAT_TRY(give(given));
      report_stop(step);
      for (const TestExpectation& expected : step.expect) LEAT_TRY(compare(expected));
    }
    if (!result_.passed()) LEAT_TRY(note_refused());
    return std::move(result_);
  }

 private:
  Status give(const pipeline::TestGiven& given) {
    if (!stopped_.empty()) return {};
    const Status status = pipeline_->give(given);
    if (status || status.error().domain != Domain::user) return status;
    stopped_ = status.error().message;
    stopped_at_ = given.at;
    return {};
  }

  void report_stop(const TestNode::Step& step) {
    if (stopped_.empty() || stop_reported_) return;
    stop_reported_ = true;
    const bool expected = std::ranges::any_of(step.expect, [](const TestExpectation& each) {
      return each.kind == TestExpectation::Kind::failure;
    });
    if (!expected) add(stopped_at_, "pipeline", {.message = "it stops: " + stopped_});
  }

  Status compare(const TestExpectation& expected) {
    switch (expected.kind) {
      case TestExpectation::Kind::rows: {
        const auto rows = LEAT_TRY(pipeline_->rows_of(expected.name));
        auto found = LEAT_TRY(compare_rows(expected, pipeline_->schema_of(expected.name), rows));
        if (found) add(expected.at, pipeline_->described(expected.name), std::move(*found));
        break;
      }
      case TestExpectation::Kind::dead_letters: {
        speaks_of_letters_ = true;
        auto found = compare_letters(expected, LEAT_TRY(pipeline_->dead_letters()));
        if (found) add(expected.at, "dead letters", std::move(*found));
        break;
      }
      case TestExpectation::Kind::failure:
        compare_failure(expected);
        break;
    }
    return {};
  }

  void compare_failure(const TestExpectation& expected) {
    if (stopped_.empty()) {
      add(expected.at, "pipeline", {.message = "it did not stop"});
    } else if (!stopped_.contains(expected.failure)) {
      add(expected.at, "pipeline",
          {.message = fmt::format("it stops for another reason than \"{}\": {}", expected.failure,
                                  stopped_)});
    }
  }

  void add(const pipeline::Location& at, std::string what, Difference difference) {
    difference.at = at;
    difference.what = std::move(what);
    result_.differences.push_back(std::move(difference));
  }

  Status note_refused() {
    if (speaks_of_letters_) return {};
    for (const std::string& letter : LEAT_TRY(pipeline_->dead_letters())) {
      if (result_.refused.size() < refused_shown_max) {
        result_.refused.push_back(letter_text(letter));
      } else {
        ++result_.refused_left_out;
      }
    }
    return {};
  }

  std::unique_ptr<TestPipeline> pipeline_;
  TestResult result_;
  std::string stopped_;  // why
  pipeline::Location stopped_at_;
  bool stop_reported_ = false;
  bool speaks_of_letters_ = false;
};

}  // namespace

Result<TestResult> run_test(const pipeline::Graph& graph, const TestNode& test,
                            const runtime::Connectors& connectors,
                            std::shared_ptr<sql::Database> database) {
  const auto begin = std::chrono::steady_clock::now();
  auto pipeline = LEAT_TRY(TestPipeline::start(
      {.whole = graph, .test = test, .connectors = connectors, .database = std::move(database)}));
  TestResult result = LEAT_TRY(TestRun(test, std::move(pipeline)).run());
  result.duration = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  return result;
}

}  // namespace leat::trial
