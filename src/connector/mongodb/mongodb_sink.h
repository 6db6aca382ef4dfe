#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// The sink `mongodb`. Connects to nothing before `open`. Errors (user): `bad-uri`, `bad-tls`,
/// `bad-collection`, `bad-key` and the like: settings that can never work. See sink_spec.cc for
/// what it does.
Result<std::unique_ptr<Sink>> make_mongodb_sink(const SinkInput& input, const Settings& settings,
                                                const Context& context);

}  // namespace leat::connector
