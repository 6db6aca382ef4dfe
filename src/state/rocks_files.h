#pragma once

#include <memory>

#include <rocksdb/file_system.h>

#include "io/file_system.h"

namespace leat::state {

/// RocksDB's files as files of ours, so that tests can take away what it has not synced and let its
/// writes fail. `files` must outlive it. Thread-safe as `files` is. Directories are as durable as
/// `files` makes them; times of change are not kept and read as 0.
std::shared_ptr<rocksdb::FileSystem> rocks_files(io::FileSystem& files);

}  // namespace leat::state
