#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/env.h>

namespace leat::state {

/// Where a log of RocksDB's (its manifest is one) must be cut so that it ends before the record
/// that has a lost sector: 512 bytes, or what there are at the end, that are all zero since they
/// never reached the disk. Nothing: its first bad record is bad for another reason, or none is.
/// `each_synced`: no record was written before the one before it was on the disk, so that a log
/// in which a sound record follows the bad one lost what it had.
std::optional<std::uint64_t> torn_end(std::string_view log, bool each_synced);

/// Cuts the manifest that CURRENT names and the newest write-ahead log back to there, synced.
/// RocksDB refuses to open a database with such a record, which it had not synced when the power
/// went, so that nothing hangs on it. That nothing else was lost is for the store's stamps to say.
/// What was cut, in a sentence a log; empty: nothing is torn so, or it can't be read or written.
/// Nobody has the database open.
std::vector<std::string> cut_torn_logs(rocksdb::Env& env, const std::string& directory);

}  // namespace leat::state
