#pragma once

#include <optional>
#include <vector>

#include "model/chunk.h"
#include "trial/difference.h"

namespace leat::trial {

/// Compares the rows of a stream or view with what a test expects of them. Nothing: they are as
/// expected.
Result<std::optional<Difference>> compare_rows(const pipeline::TestExpectation& expected,
                                               const Schema& schema,
                                               const std::vector<Chunk>& rows);

}  // namespace leat::trial
