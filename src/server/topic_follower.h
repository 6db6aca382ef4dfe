#pragma once

#include <string>
#include <vector>

#include "log/topics.h"
#include "server/live_feed.h"

namespace leat::server {

/// Where a reader of a topic stands in one partition.
struct TopicPosition {
  Partition partition;
  Offset next;
};

/// "0:42,1:7": an event's id, from which a client goes on.
std::string text_of(const std::vector<TopicPosition>& positions);
Result<std::vector<TopicPosition>> parse_positions(std::string_view text);

/// Hands on a topic's records as they become durable. A slow client is waited for: the log keeps
/// the records.
class TopicFollower final : public Follower {
 public:
  TopicFollower(log::Topic& topic, std::vector<TopicPosition> positions);
  State poll(ResponseStream& stream, bool news) override;

 private:
  /// Takes the next records of one partition into `held_`.
  Status read(TopicPosition& position);

  log::Topic& topic_;
  std::vector<TopicPosition> positions_;
  Slice slice_;
  ResponseStream::Piece held_;  ///< found no room yet
};

}  // namespace leat::server
