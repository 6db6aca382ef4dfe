#pragma once

#include <vector>

#include "pipeline/grammar.h"

namespace leat::pipeline {

/// What `tests:` may hold: a part of the grammar.
std::vector<Section> test_sections();

}  // namespace leat::pipeline
