#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `blackhole`.
Spec blackhole_sink_spec();

}  // namespace leat::connector
