#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the source `nexmark`.
Spec nexmark_source_spec();

}  // namespace leat::connector
