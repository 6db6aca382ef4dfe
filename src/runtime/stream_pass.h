#pragma once

#include <functional>
#include <vector>

#include "runtime/stream_stage.h"

namespace leat::runtime {

/// What `$topic` and `$partition` say of the partition's records.
inline format::Origin origin_of(const InputPartition& input) {
  if (auto origin = input.origin()) return {std::move(origin->topic), origin->partition};
  return {input.topic(), input.number()};
}

struct StreamStage::Pass {
  std::vector<std::uint32_t> record_of;  ///< by input row: index of its record in the slice
  std::vector<format::Refused> refused;  ///< records that became no row
  std::vector<Fate> fates;               ///< by input row
  std::vector<Rows> rows;
  std::vector<Chunk> decoded;  ///< the input rows, where some of their columns are passed on
  std::vector<StreamTally::Expected> expected;

  /// A later fate is a graver one: a record of which one row was refused counts as refused.
  void mark(std::uint32_t input_row, Fate fate) {
    fates[input_row] = std::max(fates[input_row], fate);
  }
};

class StreamStage::Selecting {
 public:
  virtual ~Selecting() = default;
  virtual Status run(std::size_t begin, std::size_t count,
                     const std::function<Status(Chunk)>& sink) const = 0;
  /// Which row of the pass's input one of them is.
  virtual std::uint32_t input_row(std::size_t row) const = 0;
};

}  // namespace leat::runtime
