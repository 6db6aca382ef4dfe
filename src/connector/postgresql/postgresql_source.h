#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `postgresql`; connects to nothing yet. Errors (user): `bad-uri`, `bad-tls`,
/// `bad-table`, `bad-slot`. See source_spec.cc for what it does.
Result<std::unique_ptr<LiveSource>> make_postgresql_source(const Settings& settings,
                                                           const Context& context);

}  // namespace leat::connector
