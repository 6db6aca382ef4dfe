#pragma once

#include <memory>

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include "state/store.h"

namespace leat::state {

/// How RocksDB is set up for the store.
rocksdb::DBOptions database_options(const Store::Options& options);
/// And each of its families; `cache` is that of all.
rocksdb::ColumnFamilyOptions family_options(const Store::Options& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace leat::state
