#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"

namespace leat::connector {

/// The source `objects`: Parquet, JSON lines or CSV in a folder or an S3-compatible store, each
/// object read once (docs/formats/objects_source.md). Connects to nothing yet. Errors (user): what
/// is wrong with the settings.
Result<std::unique_ptr<LiveSource>> make_objects_source(const Settings& settings,
                                                        const Context& context);

}  // namespace leat::connector
