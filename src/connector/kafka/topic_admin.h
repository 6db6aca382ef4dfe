#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "connector/kafka/client.h"

namespace leat::connector::kafka {

/// What a cluster says of a topic.
struct TopicState {
  int partitions = 0;
  std::optional<std::int64_t> message_bytes_max;  ///< `max.message.bytes`, where we may see it
  bool compacted = false;                         ///< the cluster takes no message without a key
  /// How far a message's timestamp may be from the brokers' clock.
  std::optional<std::int64_t> before_ms_max, after_ms_max;

  /// Why the topic does not take this timestamp; nothing: it does.
  std::optional<std::string> timestamp_fault(std::int64_t timestamp_ms, std::int64_t now_ms) const;
};

/// How a missing topic is made.
struct NewTopic {
  int partitions = -1;   ///< -1: as the cluster does by default
  int replication = -1;  ///< likewise
  std::map<std::string, std::string> settings;
};

/// Looks at a topic without making it. Nothing: there is none.
Result<std::optional<TopicState>> look_at_topic(Client& client, const std::string& topic,
                                                const Deadline& deadline);

/// Makes the topic and waits until it can be written to. It is no error when somebody else was
/// faster.
Result<TopicState> create_topic(Client& client, const std::string& topic, const NewTopic& wanted,
                                const Deadline& deadline);

}  // namespace leat::connector::kafka
