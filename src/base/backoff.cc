#include "base/backoff.h"

#include <algorithm>

namespace leat {

std::int64_t Backoff::wait_ms(unsigned retry) {
  constexpr unsigned doublings_max = 30;
  const std::int64_t doubled = first_ms_ << std::min(retry, doublings_max);
  const bool overflown = doubled >> std::min(retry, doublings_max) != first_ms_;
  const std::int64_t longest = overflown ? max_ms_ : std::min(doubled, max_ms_);
  return std::uniform_int_distribution<std::int64_t>(longest - longest / 2, longest)(random_);
}

}  // namespace leat
