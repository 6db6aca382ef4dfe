#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace leat::format {

/// Memory for texts that can't be pointed at where they stand; freed all at once.
/// One block is kept for the next use.
class TextArena {
 public:
  /// Uninitialised room for `bytes`; stays valid until `clear`.
  char* allocate(std::size_t bytes) {
    if (bytes > left_) next_block(bytes);
    char* const begin = at_;
    at_ += bytes;
    left_ -= bytes;
    return begin;
  }
  /// Gives back the end of what the last `allocate` gave.
  void give_back(std::size_t bytes) {
    at_ -= bytes;
    left_ += bytes;
  }
  std::string_view copy(std::string_view text) {
    char* const begin = allocate(text.size());
    std::char_traits<char>::copy(begin, text.data(), text.size());
    return {begin, text.size()};
  }
  void clear() {
    // One block of the usual size stays; a giant text's block does not.
    if (blocks_.size() > 1 || block_bytes_ > block_bytes) blocks_.clear();
    at_ = blocks_.empty() ? nullptr : blocks_.front().get();
    left_ = blocks_.empty() ? 0 : block_bytes_;
  }

 private:
  static constexpr std::size_t block_bytes = 64 * 1024;
  void next_block(std::size_t bytes) {
    block_bytes_ = bytes > block_bytes ? bytes : block_bytes;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes_));
    at_ = blocks_.back().get();
    left_ = block_bytes_;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_bytes_ = 0;  ///< of the last block
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace leat::format
