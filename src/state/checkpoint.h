#pragma once

#include <string>

#include "state/store.h"

namespace leat::state {

/// Writes the store as of its newest commit into a directory that must not exist: a store of its
/// own, which shares files that never change with this one where both are on one file system.
/// Commits go on meanwhile. Errors: those of the store.
Status write_checkpoint(const Store& store, const std::string& directory);

}  // namespace leat::state
