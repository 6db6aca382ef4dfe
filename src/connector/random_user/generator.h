#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `random_user`: random users without HTTP between (see connector/generated_source.h).
Result<std::unique_ptr<ReplayableSource>> make_random_user_source(const Settings& settings,
                                                                  const Context& context);

}  // namespace leat::connector
