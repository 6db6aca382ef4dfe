#pragma once

#include <memory>

#include "connector/context.h"
#include "connector/history.h"
#include "connector/spec.h"

namespace leat::connector {

/// The finished files of a Parquet sink: those of a folder where they are, those of S3 as copies
/// below the scratch directory. Connects to nothing yet. Errors (user): what is wrong with the
/// settings.
Result<std::unique_ptr<History>> make_parquet_history(const SinkInput& input,
                                                      const Settings& settings,
                                                      const Context& context);

}  // namespace leat::connector
