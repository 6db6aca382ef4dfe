#include <fstream>

#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/connectors.h"
#include "app/test_output.h"
#include "model/nearest_name.h"

namespace leat::app {
namespace {

struct TestOptions {
  std::vector<std::string> files;
  std::vector<std::string> only;
  std::string junit;
  bool json = false;
};

/// The tests to run: all, or those that have one of the texts in their names.
Result<std::vector<const pipeline::TestNode*>> chosen(const pipeline::Graph& graph,
                                                      const TestOptions& options) {
  std::vector<const pipeline::TestNode*> tests;
  std::vector<std::string_view> names;
  for (const pipeline::TestNode& test : graph.tests) {
    names.push_back(test.name);
    const bool wanted = std::ranges::any_of(
        options.only, [&](const std::string& text) { return test.name.contains(text); });
    if (options.only.empty() || wanted) tests.push_back(&test);
  }
  if (!tests.empty()) return tests;
  if (graph.tests.empty()) {
    return user_error("no-tests",
                      "there are no tests in these files; write some under tests: in the pipeline "
                      "file, as docs/reference/pipeline.md shows");
  }
  return user_error("unknown-name", "no test has \"{}\" in its name{}", options.only.front(),
                    did_you_mean(options.only.front(), names));
}

Status write_junit(const std::string& path, const std::vector<trial::TestResult>& results) {
  std::ofstream stream(path, std::ios::binary);
  stream << outcomes_junit(results);
  stream.close();
  if (stream) return {};
  return external_error("io-error", "{}: can't be written; check the folder and its permissions",
                        path);
}

Status test(const TestOptions& options) {
  const pipeline::Graph graph = LEAT_TRY(checked_graph(options.files));
  const auto tests = LEAT_TRY(chosen(graph, options));
  const std::shared_ptr<sql::Database> database = LEAT_TRY(sql::Database::open());
  const runtime::Connectors all = connectors();
  const Paint paint = paint_for(stdout);
  std::vector<trial::TestResult> results;
  for (const pipeline::TestNode* each : tests) {
    results.push_back(LEAT_TRY(trial::run_test(graph, *each, all, database)));
    if (!options.json) fmt::print("{}", outcome_text(results.back(), paint));
    std::fflush(stdout);
  }
  fmt::print("{}", options.json ? outcomes_json(results) + "\n" : summary_text(results, paint));
  if (!options.junit.empty()) LEAT_TRY(write_junit(options.junit, results));
  const bool passed = std::ranges::all_of(results, &trial::TestResult::passed);
  return passed ? Status()
                : user_error("test-failed", "the pipeline does not do what its tests expect");
}

}  // namespace

void add_test(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("test", "Run the unit tests written in pipeline files");
  auto options = std::make_shared<TestOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them")->required();
  command->add_option("--only", options->only, "Only tests that have this text in their names")
      ->allow_extra_args(false);
  command->add_option("--junit", options->junit,
                      "Also write the outcome to this file, as JUnit XML");
  command->add_flag("--json", options->json, "Print the outcome as JSON");
  command->footer(
      "Nothing is connected and nothing is written: no source or sink runs.\n"
      "Exit code 2: a test fails, or a file has a fault.\n"
      "Examples:\n"
      "  leat test pipelines/users.yaml\n"
      "  leat test pipelines/ --only country\n"
      "  leat test pipelines/ --junit build/leat-tests.xml");
  command->callback([options, &outcome] {
    const Status status = test(*options);
    if (!status && status.error().code == "test-failed") {
      outcome.exit = Exit::user;  // the summary has said so
      return;
    }
    finish(outcome, status, options->json);
  });
}

}  // namespace leat::app
