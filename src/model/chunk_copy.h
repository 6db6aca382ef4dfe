#pragma once

#include <cstdint>
#include <span>

#include "model/chunk.h"

namespace leat {

/// Appends copies of the rows of `from` with these numbers, in this order, to `to`, which is laid
/// out alike and has room for them. Deep: texts are copied into `to`, which then depends on nobody.
/// Reads `from` only, whatever form its vectors have.
void append_rows(const Chunk& from, std::span<const std::uint32_t> rows, Chunk& to);
void append_row(const Chunk& from, std::size_t row, Chunk& to);

/// A deep copy of all rows, or of the chosen ones.
Chunk copy_of(const Chunk& from);
Chunk copy_of(const Chunk& from, std::span<const std::uint32_t> rows);

}  // namespace leat
