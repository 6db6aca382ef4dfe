#pragma once

#include "connector/spec.h"

namespace leat::connector {

Spec parquet_sink_spec();
Spec objects_source_spec();

}  // namespace leat::connector
