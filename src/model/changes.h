#pragma once

#include <cstdint>
#include <vector>

#include "model/chunk.h"

namespace leat {

/// Rows with a weight each: +1 puts a row in, -1 takes one back (a Z-set, as in DBSP, arXiv
/// 2203.16684).
struct ChangeChunk {
  Chunk rows;
  /// One weight a row; empty means that all are +1, as for every chunk of a stream.
  std::vector<std::int64_t> weights;
  /// The chunk's place in the epoch's input: rows of a lower order arrived earlier (per partition).
  std::uint64_t order = 0;
  /// For a stream's rows: index into the slice's records that each row came from. Empty for a
  /// view's changes.
  std::vector<std::uint32_t> record_of;

  std::int64_t weight(std::size_t row) const { return weights.empty() ? 1 : weights[row]; }
};

}  // namespace leat
