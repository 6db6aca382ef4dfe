#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connector/kafka/kafka_partition.h"
#include "connector/kafka/reading_client.h"

namespace leat::connector::kafka {

/// Finds the partitions that a source reads. Used by one thread; waits for the cluster.
class Discovery {
 public:
  Discovery(const SourceOptions& options, std::shared_ptr<ReadingClient> reading)
      : options_(options), reading_(std::move(reading)) {}

  struct Found {
    TopicPartition partition;
    std::shared_ptr<PartitionState> state;
  };
  /// Partitions that no earlier call gave. Errors: Client's.
  Result<std::vector<Found>> look(const Deadline& deadline);
  /// Named topics that the cluster did not have at the last look.
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  /// Topics that are read, with their partitions.
  using Topics = std::map<std::string, int>;
  Result<Topics> ask(const Deadline& deadline);
  Status ask(rd_kafka_topic_t* topic, const Deadline& deadline, Topics& out);
  void note_deleted(const Topics& topics);
  Result<std::map<int, GroupPosition>> group_positions(const std::string& topic, int partitions,
                                                       const Deadline& deadline);
  Status take_partition(const TopicPartition& partition, const Start& start,
                        const std::map<int, GroupPosition>& group, const Deadline& deadline,
                        PartitionState& out);
  bool is_made_anew(const TopicPartition& partition, const GroupPosition& position,
                    const PartitionState& state, const std::stop_token& stop);

  const SourceOptions& options_;
  const std::shared_ptr<ReadingClient> reading_;
  bool first_look_ = true;
  std::map<TopicPartition, std::shared_ptr<PartitionState>> known_;
  std::map<std::string, int> absent_for_;  ///< looks in a row at which a known topic was not there
  std::vector<std::string> missing_;
  std::vector<Found> found_;  ///< in a look that has not come to its end
};

}  // namespace leat::connector::kafka
