#pragma once

#include "pipeline/fields.h"
#include "pipeline/scope.h"

namespace leat::pipeline {

/// Reads `ttl` of a view that is complete but for that; reports where it can't be kept.
void take_ttl(const Fields& fields, Scope& scope, ViewNode& view);

}  // namespace leat::pipeline
