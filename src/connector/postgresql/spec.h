#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `postgresql`.
Spec postgresql_sink_spec();

/// And of the source.
Spec postgresql_source_spec();

}  // namespace leat::connector
