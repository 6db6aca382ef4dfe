#pragma once

#include "connector/spec.h"

namespace leat::connector {

Spec file_table_spec();

}  // namespace leat::connector
