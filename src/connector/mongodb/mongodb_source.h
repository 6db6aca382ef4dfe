#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `mongodb`: a collection's changes. Errors (user): `bad-uri`, `bad-tls`,
/// `bad-collection`, `bad-pipeline`, `bad-records`: settings that can never work. See
/// source_spec.cc for what it does.
Result<std::unique_ptr<LiveSource>> make_mongodb_source(const Settings& settings,
                                                        const Context& context);

}  // namespace leat::connector
