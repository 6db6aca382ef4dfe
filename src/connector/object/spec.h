#pragma once

#include "connector/spec.h"

namespace leat::connector {

Spec parquet_sink_spec();

}  // namespace leat::connector
