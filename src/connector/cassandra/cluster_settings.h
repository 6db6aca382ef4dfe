#pragma once

#include <string>

#include "base/error.h"
#include "connector/cassandra/cluster.h"
#include "connector/context.h"
#include "connector/spec.h"

namespace leat::connector::cql {

/// How to reach a cluster, from the settings that sinks and tables have in common. `who` ("sink
/// users") is named in what is told of nodes. Errors (user): `invalid-host`, `tls-files`.
Result<ClusterOptions> read_cluster(const std::string& who, const Settings& settings,
                                    const Context& context);

}  // namespace leat::connector::cql
