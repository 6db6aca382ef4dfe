#pragma once

#include "connector/spec.h"

namespace leat::connector {

/// What a pipeline file may say of the source `random_user`.
Spec random_user_spec();

}  // namespace leat::connector
