#include "runtime/memory_cap.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace leat::runtime {
namespace {

std::uint64_t less(std::uint64_t from, std::uint64_t what) { return from > what ? from - what : 0; }

}  // namespace

std::uint64_t MemoryCap::rows_at_first() const {
  const std::uint64_t room = less(full(), setup_.resident());
  return std::max(rows_min, room / 2);
}

std::uint64_t MemoryCap::block_cache_max() const {
  return std::clamp<std::uint64_t>(setup_.bytes_max / 16, 16u << 20, 512u << 20);
}

std::uint64_t MemoryCap::write_buffer_max() const {
  return std::clamp<std::uint64_t>(setup_.bytes_max / 16, 16u << 20, 64u << 20);
}

void MemoryCap::adjust(op::MemoryBudget& rows) {
  std::uint64_t resident = setup_.resident();
  if (resident > full()) {
    setup_.give_back();
    resident = setup_.resident();
  }
  const std::uint64_t over = less(resident, setup_.bytes_max);
  const std::uint64_t room = less(full(), resident);
  const std::uint64_t held = rows.held();
  rows.set_bytes_max(std::max(rows_min, less(held + room, over)));
  if (over > 0 && rows.used() <= rows_min && !warned_) {
    warned_ = true;
    spdlog::warn(
        "memory: the process holds {} MiB, more than --memory-mib {} allows, though views keep "
        "next "
        "to nothing in memory: the program itself takes that much under this load; give it more",
        resident >> 20, setup_.bytes_max >> 20);
  }
}

}  // namespace leat::runtime
