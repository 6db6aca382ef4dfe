#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connector/kafka/client.h"

namespace leat::connector::kafka {

/// Bytes of a position's text at most: brokers keep 4 KiB beside an offset by default.
inline constexpr std::size_t position_bytes_max = 4000;

/// What the cluster keeps for a sink, as the metadata of a committed offset (see
/// docs/formats/kafka_sink.md): who writes, and where its input goes on.
struct StoredPosition {
  std::string instance;
  std::optional<std::string> position;  ///< none: nothing was written yet

  std::string text() const;
  /// Nothing: it is no text of Leat's.
  static std::optional<StoredPosition> parse(std::string_view text);
};

/// Which offset it is stored with.
struct PositionPlace {
  std::string group;
  std::string topic;  ///< its partition 0
};

/// `settled`: wait until no transaction is open that would change it. Nothing: none is stored.
Result<std::optional<StoredPosition>> read_stored_position(const Connection& connection,
                                                           const PositionPlace& place, bool settled,
                                                           const Deadline& deadline);

struct PartitionListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionListDeleter>;

/// The offset to commit, with the text as its metadata.
PartitionList offset_with(const PositionPlace& place, const StoredPosition& stored);

}  // namespace leat::connector::kafka
