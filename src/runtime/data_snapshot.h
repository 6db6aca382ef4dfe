#pragma once

#include <string>

#include "base/error.h"
#include "io/file_system.h"
#include "state/store.h"

namespace leat::runtime {

/// What a snapshot is taken of: a data directory in use by this process.
struct SnapshotOf {
  io::FileSystem& files;
  const std::string& data_directory;
  const state::Store& store;
};

/// Copies the data directory into `directory`, which must not exist: the store as of its newest
/// commit, and of every topic at least what that commit knows of. What can't change is shared by
/// hard links where both are on one file system. The manifest, with size and checksum of every
/// file, is written last: a directory without one is no snapshot. Blocks for as long as copying
/// takes. Errors: `snapshot-exists` (user), `disk-full` (transient), `io-error` (external).
Status write_snapshot(const SnapshotOf& of, const std::string& directory);

/// Checks a snapshot file by file against its manifest and copies it into a new data directory,
/// which appears as a whole or not at all. Errors: `not-a-snapshot`, `newer-format`, `data-exists`
/// (user), `snapshot-damaged` (external), `disk-full` (transient), `io-error` (external).
Status restore_snapshot(io::FileSystem& files, const std::string& snapshot,
                        const std::string& data_directory);

}  // namespace leat::runtime
