#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "connector/context.h"
#include "connector/spec.h"
#include "log/topics.h"

namespace leat::connector {

/// Topics on a Kafka cluster: docs/formats/kafka_log.md. Opening them shuts out whoever wrote with
/// this `context.owner` before. `context.durable_directory` holds notes. Errors: `kafka-setting`,
/// `log-changed` (user), those of reaching a cluster.
Result<std::unique_ptr<log::Topics>> open_kafka_topics(const Settings& settings,
                                                       const Context& context);

/// For `leat check --connect`: connects and looks, changes nothing.
Result<std::string> probe_kafka_log(const Settings& settings, const Context& context,
                                    std::stop_token stop);

}  // namespace leat::connector
