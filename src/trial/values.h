#pragma once

#include <string>
#include <vector>

#include "log/partition_log.h"

namespace leat::trial {

/// The values of all records of a partition that are on disk, in memory: of a test's topic. Errors:
/// those of reading the log.
Result<std::vector<std::string>> values_of(const log::PartitionLog& log);

}  // namespace leat::trial
