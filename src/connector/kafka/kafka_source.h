#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `kafka`: partitions of topics of a cluster, read in place; a partition's name is
/// "topic/number", its positions are the cluster's offsets. Connects in `discover`, on threads of
/// its own, so that a cluster that is away keeps nobody waiting. Errors: `kafka-setting` (user);
/// `discover` also gives those of kafka::Client, and `kafka-topic-missing`.
Result<std::unique_ptr<ReplayableSource>> make_kafka_source(const Settings& settings,
                                                            const Context& context);

}  // namespace leat::connector
