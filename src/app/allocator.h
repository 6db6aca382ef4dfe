#pragma once

namespace leat::app {

/// Hands freed memory that the allocator keeps for later back to the system.
void give_back_memory();

}  // namespace leat::app
