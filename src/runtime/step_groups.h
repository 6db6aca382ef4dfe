#pragma once

#include <cstddef>
#include <vector>

#include "runtime/assembly.h"

namespace leat::runtime {

/// By stream: the number of its group. Streams with event time that a view reads together, whether
/// directly or through others, are of one group, and so are those that share a stream with them:
/// with `max_drift` they are read in step.
std::vector<std::size_t> step_groups(const Assembly& assembly);

}  // namespace leat::runtime
