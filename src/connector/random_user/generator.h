#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `random_user`: random users without HTTP between. Partition `p` of `n` holds the
/// users p, p + n, p + 2n, …; a record's offset is its index in the partition. Timestamps are the
/// moments at which records were due, so that latency is measured from the intended time.
Result<std::unique_ptr<ReplayableSource>> make_random_user_source(const Settings& settings,
                                                                  const Context& context);

}  // namespace leat::connector
