#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the sink `cassandra`.
Spec cassandra_sink_spec();

/// And of the table `cassandra`.
Spec cassandra_table_spec();

}  // namespace leat::connector
