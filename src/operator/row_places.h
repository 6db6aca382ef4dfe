#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace leat::op {

/// In which page a row with this hash was put last: what a key of very many rows is searched by.
/// It may forget, and be wrong after rows were taken; whoever asks looks into the page. Used by one
/// thread at a time.
class RowPlaces {
 public:
  void put(std::uint64_t hash, std::uint32_t page) {
    if ((count_ + 1) * 3 > slots_.size() * 2) grow();
    std::uint64_t& slot = slots_[find_slot(tag_of(hash))];
    count_ += slot == 0 ? 1 : 0;
    slot = (std::uint64_t{tag_of(hash)} << 32) | (page + 1);
  }
  std::optional<std::uint32_t> find(std::uint64_t hash) const {
    if (count_ == 0) return std::nullopt;
    const std::uint64_t slot = slots_[find_slot(tag_of(hash))];
    if (slot == 0) return std::nullopt;
    return static_cast<std::uint32_t>(slot) - 1;
  }
  void remove(std::uint64_t hash) {
    if (count_ == 0) return;
    std::size_t free = find_slot(tag_of(hash));
    if (slots_[free] == 0) return;
    slots_[free] = 0;
    --count_;
    // What stands behind it because its place was taken moves up.
    for (std::size_t i = next(free); slots_[i] != 0; i = next(i)) {
      const std::size_t home = static_cast<std::size_t>(slots_[i] >> 32) & mask();
      if (((i - home) & mask()) < ((i - free) & mask())) continue;
      slots_[free] = slots_[i];
      slots_[i] = 0;
      free = i;
    }
  }
  std::size_t bytes() const { return slots_.size() * sizeof(slots_[0]); }

 private:
  static constexpr std::size_t slots_min = 1024;

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t next(std::size_t slot) const { return (slot + 1) & mask(); }
  /// The tag's slot, or the free one where it belongs.
  std::size_t find_slot(std::uint32_t tag) const {
    std::size_t i = tag & mask();
    while (slots_[i] != 0 && slots_[i] >> 32 != tag) i = next(i);
    return i;
  }
  void grow() {
    std::vector<std::uint64_t> old(slots_.empty() ? slots_min : 2 * slots_.size());
    old.swap(slots_);
    for (const std::uint64_t slot : old) {
      if (slot != 0) slots_[find_slot(static_cast<std::uint32_t>(slot >> 32))] = slot;
    }
  }

  std::vector<std::uint64_t> slots_;  // 0, or the upper half of a hash and 1 + the page's number
  std::size_t count_ = 0;
};

}  // namespace leat::op
