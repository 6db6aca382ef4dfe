#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// The sink `kafka`: rows or records as messages of one topic, in transactions that hold the sink's
/// position too. Nothing is connected before `open`. Errors: `kafka-setting`, `kafka-column`,
/// `kafka-key`, `kafka-format` (user); its calls also give `kafka-unreachable`, `kafka-sign-in`,
/// `kafka-tls`, `kafka-forbidden`, `kafka-topic-missing`, `kafka-topic-settings`, `sink-fenced`.
Result<std::unique_ptr<Sink>> make_kafka_sink(const SinkInput& input, const Settings& settings,
                                              const Context& context);

}  // namespace leat::connector
