#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `nexmark`: the events of the Nexmark benchmark (see connector/generated_source.h).
/// Error `bad-setting` (user): `first_event` is no time.
Result<std::unique_ptr<ReplayableSource>> make_nexmark_source(const Settings& settings,
                                                              const Context& context);

}  // namespace leat::connector
