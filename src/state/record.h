#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::state {

/// Bytes of any length inside a record of fixed size: up to `inline_max` lie in the record itself,
/// longer ones in a block of their own, which is never written again once it is filled. Trivial to
/// copy; who copies it does not own the block (KeyedShard::set_blob does).
class Blob {
 public:
  static constexpr std::size_t inline_max = 12;

  std::size_t size() const { return size_; }
  bool has_block() const { return size_ > inline_max; }
  std::string_view view() const {
    if (!has_block()) return {inline_, size_};
    return {block(), size_};
  }
  char* block() const {
    char* block;
    std::memcpy(&block, inline_ + 4, sizeof block);
    return block;
  }
  /// Up to inline_max bytes.
  void assign_inline(std::string_view bytes) {
    std::memset(inline_, 0, sizeof inline_);
    if (!bytes.empty()) std::memcpy(inline_, bytes.data(), bytes.size());
    size_ = static_cast<std::uint32_t>(bytes.size());
  }
  void assign_block(char* block, std::size_t size) {
    std::memset(inline_, 0, sizeof inline_);
    std::memcpy(inline_ + 4, &block, sizeof block);
    size_ = static_cast<std::uint32_t>(size);
  }

 private:
  std::uint32_t size_ = 0;
  char inline_[12] = {};  // or 4 unused bytes and the block's address
};
static_assert(sizeof(Blob) == 16);

/// What a table's records look like: `size` bytes, a multiple of 8, with blobs at these offsets.
struct RecordLayout {
  std::size_t size = 0;
  std::vector<std::size_t> blobs;

  Blob* blob(std::byte* record, std::size_t index) const {
    return reinterpret_cast<Blob*>(record + blobs[index]);
  }
  const Blob* blob(const std::byte* record, std::size_t index) const {
    return reinterpret_cast<const Blob*>(record + blobs[index]);
  }

  /// Appends the record as the store keeps it (docs/formats/store.md): its bytes with the blobs'
  /// places zeroed, then each blob's length and bytes.
  void serialise(const std::byte* record, std::string& out) const;
  /// Fills a record from what serialise wrote: blobs longer than inline_max point into `stored`.
  /// Error `store-damaged` (external).
  Status parse(std::string_view stored, std::byte* record) const;
};

}  // namespace leat::state
