#pragma once

#include <cstdint>

namespace leat::server {

/// Keeps pushes of one connection in the order in which they came: while one of them is being
/// written, those behind it wait. Its fields belong to the PushQueue and its lock.
struct PushLane {
  std::uint32_t in_flight = 0;
  std::uint64_t skipped_in = 0;  ///< the search in which one was passed over: so are all behind it
};

}  // namespace leat::server
