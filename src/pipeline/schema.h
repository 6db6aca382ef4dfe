#pragma once

#include <string>

#include "pipeline/check.h"

namespace leat::pipeline {

/// JSON Schema (draft 2020-12) of a pipeline file, for editors: keys with their documentation,
/// choices and shapes, from the same declarations that reading uses. Accepts every file that the
/// check accepts; the check finds more.
std::string json_schema(const Registry& registry);

}  // namespace leat::pipeline
