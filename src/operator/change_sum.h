#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "operator/change_writer.h"

namespace leat::op {

/// Changes added up by the bytes of their rows, in order of first arrival. The bytes must stay
/// until it is cleared. Used by one thread at a time.
class ChangeSum {
 public:
  void add(std::string_view row, std::uint64_t hash, std::int64_t weight) {
    if ((changes_.size() + 1) * 2 > slots_.size()) grow();
    std::uint32_t& slot = slot_of(row, hash);
    if (slot == 0) {
      changes_.push_back({row, hash, 0});
      slot = static_cast<std::uint32_t>(changes_.size());
    }
    changes_[slot - 1].weight += weight;
  }
  /// Gives what does not cancel out to `writer.add(row, weight)`.
  template <class Writer>
  Status write(Writer& writer) const {
    for (const Change& change : changes_) {
      if (change.weight != 0) LEAT_TRY(writer.add(change.row, change.weight));
    }
    return {};
  }
  /// Lets go of what one large epoch took when those after it are small.
  void clear() {
    if (changes_.size() * 32 < slots_.size() && slots_.size() > slots_spare_max) {
      changes_ = {};
      slots_ = {};
      return;
    }
    changes_.clear();
    slots_.assign(slots_.size(), 0);
  }

 private:
  struct Change {
    std::string_view row;
    std::uint64_t hash;
    std::int64_t weight;
  };
  static constexpr std::size_t slots_min = 64;
  static constexpr std::size_t slots_spare_max = 4096;

  std::uint32_t& slot_of(std::string_view row, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      if (slots_[i] == 0) return slots_[i];
      const Change& change = changes_[slots_[i] - 1];
      if (change.hash == hash && change.row == row) return slots_[i];
    }
  }
  void grow() {
    slots_.assign(slots_.empty() ? slots_min : 2 * slots_.size(), 0);
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      slot_of(changes_[i].row, changes_[i].hash) = static_cast<std::uint32_t>(i + 1);
    }
  }

  std::vector<Change> changes_;
  std::vector<std::uint32_t> slots_;  // 1 + place in changes_, or 0
};

}  // namespace leat::op
