#pragma once

#include "pipeline/scope.h"

namespace leat::pipeline {

/// Checks an entry of `sources:` and adds the source and, where it is the first to name it, its
/// topic to the graph. Declares the topic whatever else is wrong.
void check_source(Scope& scope, const Declaration& declaration);
/// The same for an entry of `topics:`.
void check_topic(Scope& scope, const Declaration& declaration);
/// A topic that nobody declared but a stream reads: filled by pushes alone.
void imply_topic(Scope& scope, const Node& name);

}  // namespace leat::pipeline
