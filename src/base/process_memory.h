#pragma once

#include <cstdint>
#include <string>

namespace leat {

/// Memory that this process has, bytes: what `top` calls resident. 0: can't be told.
std::uint64_t resident_bytes();

/// Memory that this process can have at most, bytes: the machine's, or what its container allows
/// (memory.max of control groups, of version 1 memory.limit_in_bytes; those around it count, too).
/// `root`: the folder under which /proc and /sys lie.
std::uint64_t available_memory_bytes(const std::string& root = "/");

}  // namespace leat
