#pragma once

#include <memory>

#include "base/error.h"
#include "connector/context.h"
#include "connector/source.h"
#include "connector/spec.h"
#include "format/shared_decoder.h"

namespace leat::connector {

/// The source `nexmark`: the events of the Nexmark benchmark (see connector/generated_source.h).
/// Error `bad-setting` (user): `first_event` is no time.
Result<std::unique_ptr<ReplayableSource>> make_nexmark_source(const Settings& settings,
                                                              const Context& context);

/// What reads the columns of a stream from records of the source with these settings; null where
/// they are JSON. Errors (user): `bad-setting`, and those of make_nexmark_decoder.
Result<std::unique_ptr<format::Decoder>> make_nexmark_source_decoder(const Settings& settings,
                                                                     format::WantedColumns wanted);

}  // namespace leat::connector
