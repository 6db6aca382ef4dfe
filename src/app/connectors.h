#pragma once

#include "pipeline/check.h"
#include "runtime/connectors.h"

namespace leat::app {

/// Every source, sink and format that this program has: what pipeline files may name.
pipeline::Registry registry();
/// And how the engine makes them.
runtime::Connectors connectors();

}  // namespace leat::app
