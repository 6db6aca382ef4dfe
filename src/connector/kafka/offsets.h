#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "connector/kafka/client.h"
#include "connector/kafka/reading_client.h"

namespace leat::connector::kafka {

/// Offsets of a partition's first message, and of the one after its last. Of a client that reads
/// committed messages only, the last that every reader may see.
struct Ends {
  std::int64_t low = 0, high = 0;
};

/// Asks the cluster. Errors: Client's.
Result<Ends> query_ends(Client& client, const TopicPartition& partition, const Deadline& deadline);

/// Of the first message of that time or later; nothing: there is none yet. Errors: Client's.
Result<std::optional<std::int64_t>> offset_at(Client& client, const TopicPartition& partition,
                                              std::int64_t time_ms, const Deadline& deadline);

}  // namespace leat::connector::kafka
