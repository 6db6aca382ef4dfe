#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// The sink `postgresql`; connects to nothing yet. Errors (user): what its spec's `check_input`
/// finds, `bad-uri`, `bad-tls`. See spec.cc for what it does.
Result<std::unique_ptr<Sink>> make_postgresql_sink(const SinkInput& input, const Settings& settings,
                                                   const Context& context);

}  // namespace leat::connector
