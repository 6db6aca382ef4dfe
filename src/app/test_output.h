#pragma once

#include <string>
#include <vector>

#include "app/terminal.h"
#include "trial/test_run.h"

namespace leat::app {

/// A test's outcome for a person: a line, and under it what is not as expected.
std::string outcome_text(const trial::TestResult& result, const Paint& paint);
/// "5 tests: 4 passed, 1 failed, in 31 ms".
std::string summary_text(const std::vector<trial::TestResult>& results, const Paint& paint);
/// All of it as one JSON object.
std::string outcomes_json(const std::vector<trial::TestResult>& results);
/// And as JUnit's XML, which most build servers show.
std::string outcomes_junit(const std::vector<trial::TestResult>& results);

}  // namespace leat::app
