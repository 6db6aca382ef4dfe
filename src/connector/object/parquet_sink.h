#pragma once

#include <memory>

#include "connector/context.h"
#include "connector/sink.h"
#include "connector/spec.h"

namespace leat::connector {

/// A sink that writes Parquet files to a folder or an S3-compatible store. Connects to nothing yet.
/// Errors (user): what is wrong with the settings, or with the input for them.
Result<std::unique_ptr<Sink>> make_parquet_sink(const SinkInput& input, const Settings& settings,
                                                const Context& context);

}  // namespace leat::connector
