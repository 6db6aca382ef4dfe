#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connector/kafka/reading_client.h"
#include "connector/source.h"

namespace leat::connector::kafka {

/// What the thread that looks for partitions tells of one, and later of its topic.
struct PartitionState {
  std::int64_t low = 0, high = 0;  ///< first offset, and the one after the last, when it was found
  std::int64_t start = 0;          ///< where reading begins without a position
  /// Another message stands where the group's last one was: the topic is not the one that was read.
  bool made_anew = false;
  std::atomic<bool> deleted = false;  ///< since
};

/// One partition of one topic. `committed` may be called from any thread.
class KafkaPartition final : public PartitionReader {
 public:
  /// `stop_at_end`: ends at the offset that was the end when the partition was found.
  KafkaPartition(std::shared_ptr<ReadingClient> reading, TopicPartition partition,
                 std::shared_ptr<const PartitionState> state, bool stop_at_end);
  ~KafkaPartition() override;

  std::string name() const override;
  Offset start() const override { return Offset(state_->start); }
  std::optional<Origin> origin() const override {
    return Origin{partition_.first, Partition(partition_.second)};
  }
  bool tell_when_ready(std::function<void()> notify) override;
  Result<Outcome> read(Slice& slice, std::size_t bytes_max) override;
  Status seek(Offset position) override;
  void committed(Offset position) override;
  std::uint64_t lag() const override;
  const std::string& brokers() const { return reading_->client().connection().brokers; }
  /// Everything before was read, or holds no message for us (the marks that end transactions).
  Offset end_seen() const { return Offset(std::max(next_, end_seen_)); }

 private:
  Status begin();
  void stop();
  std::unexpected<Error> position_lost(std::string_view what) const;
  std::unexpected<Error> out_of_range() const;
  Result<Outcome> nothing() const;
  /// An event in the place of a message.
  Status take_event(const rd_kafka_message_t* message);
  void fill(Slice& slice, std::size_t count);
  void remember(const Slice& slice);

  const std::shared_ptr<ReadingClient> reading_;
  const TopicPartition partition_;
  const std::shared_ptr<const PartitionState> state_;
  const bool stop_at_end_;
  rd_kafka_topic_t* const topic_;

  std::function<void()> notify_;
  rd_kafka_queue_t* queue_ = nullptr;  ///< of fetched messages, while it tells us
  bool reading_begun_ = false;
  std::int64_t next_ = 0;       ///< offset to read
  std::int64_t end_seen_ = -1;  ///< everything before it was read or holds no message for us
  std::size_t bytes_per_message_ = 512;
  std::vector<rd_kafka_message_t*> messages_;
  std::vector<std::string> headers_;  ///< of each message, encoded

  std::mutex mutex_;
  std::int64_t committed_;          ///< the group knows it, or need not
  std::deque<GroupPosition> ends_;  ///< of slices that are not committed yet
};

}  // namespace leat::connector::kafka
