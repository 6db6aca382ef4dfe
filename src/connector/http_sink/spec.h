#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `http`.
Spec http_sink_spec();

}  // namespace leat::connector
