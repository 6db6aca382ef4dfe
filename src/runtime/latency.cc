#include "runtime/latency.h"

#include <algorithm>

namespace leat::runtime {

void Latency::add(std::chrono::steady_clock::duration duration) {
  std::lock_guard lock(mutex_);
  milliseconds_[count_++ % kept] = std::chrono::duration<float, std::milli>(duration).count();
}

double Latency::quantile_ms(double quantile) const {
  std::array<float, kept> sorted;
  std::size_t count = 0;
  {
    std::lock_guard lock(mutex_);
    count = std::min<std::uint64_t>(count_, kept);
    std::copy_n(milliseconds_.begin(), count, sorted.begin());
  }
  if (count == 0) return 0;
  const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(count - 1));
  std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.begin() + count);
  return sorted[rank];
}

}  // namespace leat::runtime
