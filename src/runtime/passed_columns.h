#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/chunk.h"

namespace leat::runtime {

/// Puts rows together from what was computed and the input columns that are passed on as they
/// stand, which DuckDB never saw the texts of. Immutable: any thread.
class PassedColumns {
 public:
  /// `passes`: by column of `output` the input's that it is; nothing: it is computed.
  PassedColumns(std::vector<std::optional<std::size_t>> passes, Schema output, const Schema& input);

  /// Whether all of the output is passed on; then join() looks at no `computed`.
  bool is_all() const {
    return std::ranges::all_of(passes_, [](const auto& pass) { return pass.has_value(); });
  }
  /// Output row i is row i of `computed` (the columns that are not passed, in their order) and of
  /// the input's row `rows[i]`; input row n is row n % chunk_rows_max of `inputs[n /
  /// chunk_rows_max]`. Texts are pointed at: those of the inputs must outlive the result.
  Chunk join(const Chunk& computed, std::span<const Chunk> inputs,
             std::span<const std::uint32_t> rows) const;
  /// Where nothing is computed and each row passes: the input's columns, shared with it.
  Chunk pick(const Chunk& input) const;

 private:
  const std::vector<std::optional<std::size_t>> passes_;
  const Schema output_;
  std::vector<std::size_t> widths_;  ///< bytes of an element, by output column; 0: computed
};

}  // namespace leat::runtime
