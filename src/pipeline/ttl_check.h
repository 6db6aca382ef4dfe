#pragma once

#include <optional>

#include "pipeline/fields.h"
#include "pipeline/scope.h"

namespace leat::pipeline {

/// Reads `ttl` of a view, without the column of a ttl by event time; reports what can't be read.
std::optional<op::TimeToLive> read_ttl(const Fields& fields, Diagnostics& diagnostics);

/// Gives it to what a view keeps that is complete but for that; reports where it can't be kept.
void take_ttl(const op::TimeToLive& ttl, const Fields& fields, Scope& scope, ViewNode& view);

}  // namespace leat::pipeline
