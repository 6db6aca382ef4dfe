#pragma once

#include <memory>

#include <rocksdb/file_system.h>

namespace leat::state {

/// The same files, whose folder is synced before RocksDB names another manifest in CURRENT. RocksDB
/// itself counts on a file system that keeps the order of changes in a folder; where it does not, a
/// loss of power could leave a CURRENT that names a file which was never there. Thread-safe.
std::shared_ptr<rocksdb::FileSystem> careful_files(
    const std::shared_ptr<rocksdb::FileSystem>& files);

}  // namespace leat::state
