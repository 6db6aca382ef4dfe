#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/ids.h"

namespace leat::state {

/// What readers of earlier epochs still need, kept by the epoch that overwrote it: old versions of
/// records, and blocks of blobs that were replaced. Let go as a whole once no snapshot shows an
/// earlier epoch. Used by one thread at a time.
class UndoLog {
 public:
  UndoLog() = default;
  UndoLog(const UndoLog&) = delete;
  UndoLog& operator=(const UndoLog&) = delete;
  ~UndoLog();

  /// What comes from now on belongs to this epoch.
  void begin(Epoch epoch);
  /// `size` bytes, aligned to 8, valid until the epoch is released.
  std::byte* allocate(std::size_t size);
  /// Takes over a blob's block.
  void retire(char* block, std::size_t size);
  /// Lets go of what epochs up to `oldest_visible` overwrote.
  void release(Epoch oldest_visible);

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Block {
    char* bytes;
    std::size_t size;
  };
  struct EpochLog {
    Epoch epoch;
    std::vector<std::unique_ptr<std::byte[]>> pages;  // of page_bytes each
    std::vector<std::unique_ptr<std::byte[]>> large;
    std::size_t used_of_last = 0;
    std::uint64_t bytes = 0;
    std::vector<Block> retired;
  };
  void release(EpochLog& log);

  std::deque<EpochLog> logs_;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  std::uint64_t bytes_ = 0;
};

}  // namespace leat::state
