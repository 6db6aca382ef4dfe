#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// The sink `http`; connects to nothing yet. Errors (user): `bad-url`, `bad-header`, `bad-tls`. See
/// spec.cc for what it does.
Result<std::unique_ptr<Sink>> make_http_sink(const SinkInput& input, const Settings& settings,
                                             const Context& context);

}  // namespace leat::connector
