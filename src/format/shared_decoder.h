#pragma once

#include <memory>
#include <vector>

#include "format/decoder.h"

namespace leat::format {

/// What one reader wants of each record, as make_json_decoder takes it.
struct WantedColumns {
  std::vector<DecodedColumn> columns;
  std::vector<bool> reads;
};

/// A decoder for each of several readers of the same JSON records, in their order: each record is
/// walked once for all of them, and a column that several want is read once. All are used by one
/// thread, one after the other over the same slice; a slice is known by its address until
/// `begin_slice`, and the rows of the last one stay in memory until then.
///
/// Each reader refuses what it would refuse alone: a slice with a record that does not suit all is
/// decoded by each for itself, and so are the 63 slices after it.
///
/// Errors: those of make_json_decoder.
Result<std::vector<std::unique_ptr<Decoder>>> make_json_decoders(
    std::vector<WantedColumns> readers);

}  // namespace leat::format
