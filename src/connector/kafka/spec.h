#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `kafka`.
Spec kafka_sink_spec();
/// And of the source.
Spec kafka_source_spec();
/// And of the log.
Spec kafka_log_spec();

}  // namespace leat::connector
