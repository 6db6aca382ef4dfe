#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `mongodb`.
Spec mongodb_sink_spec();
/// And of the source `mongodb`.
Spec mongodb_source_spec();

}  // namespace leat::connector
