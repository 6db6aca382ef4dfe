#pragma once

#include "operator/definition.h"
#include "pipeline/diagnostic.h"
#include "pipeline/fields.h"

namespace leat::pipeline {

/// Reads `late` and `allowed_lateness` of a view with a query, whose `emit` and `retain` the view
/// has already; reports what does not go together.
void take_lateness(const Fields& fields, Diagnostics& diagnostics, op::WindowRules& view);

}  // namespace leat::pipeline
