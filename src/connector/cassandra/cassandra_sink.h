#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// The sink `cassandra`; connects to nothing yet. Errors (user): what its spec's `check_input`
/// finds, `invalid-host`, `tls-files`. Its calls also give `table-missing`, `column-missing`,
/// `bad-key`, `type-mismatch`, `counter-table` (user) and `cassandra-…`, the server's own.
Result<std::unique_ptr<Sink>> make_cassandra_sink(const SinkInput& input, const Settings& settings,
                                                  const Context& context);

}  // namespace leat::connector
