#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"
#include "model/schema.h"

namespace leat::connector {

/// The sink `file`: rows of `schema` as JSON lines or CSV. `changes`: the sink's `changes: true`,
/// each line begins with the row's weight. Nothing is opened before `recover`. Errors of its calls:
/// `output-exists`, `output-lost` (user), and those of io::File.
Result<std::unique_ptr<EpochSink>> make_file_sink(const Settings& settings, const Schema& schema,
                                                  bool changes, const Context& context);

}  // namespace leat::connector
