#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace leat {

/// How long a test waits at most for what is there within that time where nothing slows it down:
/// LEAT_SLOWNESS times as long, which scripts/sanitize sets. Not for pauses.
template <class Rep, class Period>
std::chrono::duration<Rep, Period> patience(std::chrono::duration<Rep, Period> time) {
  const char* slowness = std::getenv("LEAT_SLOWNESS");
  return time * (slowness == nullptr ? 1 : std::max(1, std::atoi(slowness)));
}

}  // namespace leat
