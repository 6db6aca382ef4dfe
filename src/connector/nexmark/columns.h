#pragma once

#include <memory>

#include "connector/nexmark/events.h"
#include "format/shared_decoder.h"

namespace leat::connector {

/// Makes columns of events whose records are their numbers in decimal: only the fields that are
/// read, straight into vectors. Columns are named as in the JSON of the events: `/event_type`,
/// `/bid/price`; those of other kinds than a record's are missing in it.
///
/// Errors (user): `nexmark-column`: there is no such field, or it is not of the column's type (the
/// integers as BIGINT, `event_type` as INTEGER, times as TIMESTAMP or TIMESTAMPTZ of `unit: ms`,
/// texts as TEXT).
Result<std::unique_ptr<format::Decoder>> make_nexmark_decoder(const NexmarkRecipe& recipe,
                                                              format::WantedColumns wanted);

}  // namespace leat::connector
