#pragma once

#include <vector>

#include "pipeline/grammar.h"

namespace leat::pipeline {

/// The sections of `views:`.
std::vector<Section> view_sections();

}  // namespace leat::pipeline
