#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/file_system.h"
#include "log/record_batch.h"

namespace leat::log {

/// Walks over the batches of a segment and checks each: header, checksum, and that it begins where
/// the one before ended. Used by one thread; `file` and `buffer` must outlive it. The buffer is
/// memory to read into: lend the same one again and again.
class BatchCursor {
 public:
  /// From `position`, where the batch with the base offset `expected` begins, to `end` (a batch's
  /// end). Reads about `chunk_bytes` at once.
  BatchCursor(const io::File& file, std::uint64_t position, std::uint64_t end, Offset expected,
              std::size_t chunk_bytes, std::vector<char>& buffer);

  enum class Outcome {
    batch,  ///< header() and batch() are the next batch's
    end,    ///< nothing follows
    bad,    ///< what follows at position() is no valid batch: see cause()
  };
  /// Errors are the file's alone.
  Result<Outcome> next();

  const BatchHeader& header() const { return header_; }
  /// Valid until the next call of `next`.
  std::string_view batch() const { return batch_; }
  /// Where the current batch (or what is no batch) begins.
  std::uint64_t position() const { return position_; }
  const char* cause() const { return cause_; }

 private:
  Outcome bad(const char* cause);
  /// Makes `bytes` bytes from `position_` on available in the buffer. False: they end early.
  Result<bool> fill(std::size_t bytes);
  std::string_view available() const;

  const io::File& file_;
  const std::uint64_t end_;
  const std::size_t chunk_bytes_;
  std::vector<char>& buffer_;
  std::uint64_t buffer_position_;  ///< of the buffer's first byte in the file
  std::size_t buffer_filled_ = 0;
  std::uint64_t position_;
  Offset expected_;
  BatchHeader header_;
  std::string_view batch_;
  const char* cause_ = "";
};

}  // namespace leat::log
