#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trial/difference.h"

namespace leat::trial {

/// Compares dead letters (docs/formats/dead_letters.md) with what a test expects of them. Nothing:
/// they are as expected.
std::optional<Difference> compare_letters(const pipeline::TestExpectation& expected,
                                          const std::vector<std::string>& letters);

/// A dead letter in a line: where it was refused, why, and what.
std::string letter_text(const std::string& letter);

}  // namespace leat::trial
