#pragma once

namespace leat {
/// Prints the place and the broken condition, and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace leat

/// Asserts what only a bug of ours can break; stays on in release builds. Never for input or for
/// the outside world.
#define LEAT_CHECK(condition)                                                               \
  (__builtin_expect(!(condition), 0) ? ::leat::check_failed(#condition, __FILE__, __LINE__) \
                                     : void())
