#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/changes.h"
#include "model/slice.h"
#include "operator/operator.h"
#include "runtime/dead_letters.h"
#include "runtime/input.h"

namespace leat::runtime {

/// What became of a stream's input rows. accepted = out + filtered + late + dead_letters: every row
/// has exactly one fate.
struct StreamTally {
  std::uint64_t accepted = 0;
  std::uint64_t out = 0;
  std::uint64_t filtered = 0;
  std::uint64_t late = 0;
  std::uint64_t dead_letters = 0;
  /// Rows that claimed to be further ahead of the clock than may be: of `dead_letters`, or of the
  /// others where they are kept.
  std::uint64_t future = 0;
  struct Expected {
    std::uint64_t passed = 0;
    std::uint64_t refused = 0;
  };
  std::vector<Expected> expectations;

  void add(const StreamTally& other);
};

/// One slice on its way through the streams. A worker owns it while it runs; the epoch's thread
/// collects all of an epoch in their order. Everything lives until the epoch's end, because texts
/// point into the slice's bytes.
struct SliceWork {
  std::uint64_t order = 0;  ///< place in the epoch's input
  unsigned worker = 0;
  InputPartition* input = nullptr;
  Slice slice;
  std::uint32_t chunks = 0;  ///< numbered so far, for ChangeChunk::order
  std::vector<DeadLetter> dead_letters;

  /// By stream index.
  struct OfStream {
    StreamTally tally;
    op::EventTimeUs newest = op::no_watermark;
    std::vector<ChangeChunk> rows;  ///< all that went on
    std::vector<std::unique_ptr<ChangeChunk>>
        parts;  ///< copies of some of them, where a view failed on a chunk
  };
  std::vector<OfStream> streams;

  /// By sink index; rows of sinks that take a stream.
  struct ForSink {
    std::string bytes;
    std::uint64_t rows = 0;
  };
  std::vector<ForSink> sinks;
  std::vector<std::uint64_t> late_of_view;  ///< by view index

  /// Empties it for another slice; keeps the memory.
  void reset(std::size_t stream_count, std::size_t sink_count, std::size_t view_count);
};

}  // namespace leat::runtime
