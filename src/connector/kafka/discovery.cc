#include "connector/kafka/discovery.h"

#include <algorithm>

#include "connector/kafka/offsets.h"
#include "connector/kafka/stored_position.h"

namespace leat::connector::kafka {
namespace {

/// Looks in a row at which a topic must be absent until it counts as deleted: a broker that has
/// just started may not know all topics yet.
constexpr int absent_max = 3;
/// For the one message that is compared with the fingerprint.
constexpr std::int64_t compare_timeout_ms = 3000;

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};

}  // namespace

/// All topics are asked for only where a pattern needs them.
Result<Discovery::Topics> Discovery::ask(const Deadline& deadline) {
  Topics out;
  if (!options_.patterns.empty()) {
    LEAT_TRY(ask(nullptr, deadline, out));
  } else {
    for (const std::string& name : options_.names) {
      LEAT_TRY(ask(reading_->topic(name), deadline, out));
    }
  }
  missing_.clear();
  for (const std::string& name : options_.names) {
    if (!out.contains(name)) missing_.push_back(name);
  }
  return out;
}

Status Discovery::ask(rd_kafka_topic_t* topic, const Deadline& deadline, Topics& out) {
  Client& client = reading_->client();
  const rd_kafka_metadata_t* raw = nullptr;
  LEAT_TRY(client.wait(deadline, "can't ask for the topics", [&](int timeout_ms) {
    return rd_kafka_metadata(client.handle(), topic == nullptr, topic, &raw, timeout_ms);
  }));
  const std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter> metadata(raw);
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& found = metadata->topics[i];
    if (!options_.wants(found.topic)) continue;
    if (found.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      return std::unexpected(
          client.error(found.err, fmt::format("can't read topic {}", found.topic)));
    }
    if (found.partition_cnt > 0) out[found.topic] = found.partition_cnt;
  }
  return {};
}

Result<std::vector<Discovery::Found>> Discovery::look(const Deadline& deadline) {
  const Topics topics = LEAT_TRY(ask(deadline));
  note_deleted(topics);
  for (const auto& [topic, partitions] : topics) {
    const auto is_known = [&](int partition) { return known_.contains({topic, partition}); };
    int unknown = 0;
    for (int partition = 0; partition < partitions; ++partition) unknown += !is_known(partition);
    if (unknown == 0) continue;
    const auto group = LEAT_TRY(group_positions(topic, partitions, deadline));
    // Of a topic that was read before, what is new is new since then.
    const bool read_before = std::ranges::any_of(
        group, [](const auto& position) { return position.second.last.has_value(); });
    for (int partition = 0; partition < partitions; ++partition) {
      if (is_known(partition)) continue;
      const bool is_new = !first_look_ || (read_before && !group.contains(partition));
      auto state = std::make_shared<PartitionState>();
      LEAT_TRY(take_partition({topic, partition}, is_new ? Start{} : options_.start, group,
                              deadline, *state));
      known_[{topic, partition}] = state;
      found_.push_back({{topic, partition}, std::move(state)});
    }
  }
  first_look_ = false;
  return std::exchange(found_, {});
}

void Discovery::note_deleted(const Topics& topics) {
  for (const auto& [partition, state] : known_) {
    const std::string& topic = partition.first;
    if (topics.contains(topic)) {
      absent_for_.erase(topic);
      continue;
    }
    // Once a look for each topic: its first partition counts.
    if (partition.second == 0) ++absent_for_[topic];
    if (absent_for_[topic] < absent_max) continue;
    reading_->note_deletion();
    state->deleted = true;
  }
}

Result<std::map<int, GroupPosition>> Discovery::group_positions(const std::string& topic,
                                                                int partitions,
                                                                const Deadline& deadline) {
  Client& client = reading_->client();
  const PartitionList list(rd_kafka_topic_partition_list_new(partitions));
  for (int partition = 0; partition < partitions; ++partition) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  }
  const std::string doing = fmt::format("can't read the positions of group {}", options_.group);
  LEAT_TRY(client.wait(deadline, doing, [&](int timeout_ms) {
    return rd_kafka_committed(client.handle(), list.get(), timeout_ms);
  }));
  std::map<int, GroupPosition> out;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& found = list->elems[i];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(client.error(found.err, doing));
    }
    if (found.offset < 0) continue;
    GroupPosition& position = out[found.partition];
    position.offset = found.offset;
    if (found.metadata == nullptr) continue;
    position.last =
        Fingerprint::parse({static_cast<const char*>(found.metadata), found.metadata_size});
  }
  return out;
}

Status Discovery::take_partition(const TopicPartition& partition, const Start& start,
                                 const std::map<int, GroupPosition>& group,
                                 const Deadline& deadline, PartitionState& out) {
  const Ends ends = LEAT_TRY(query_ends(reading_->client(), partition, deadline));
  out.low = ends.low;
  out.high = ends.high;
  const auto position = group.find(partition.second);
  out.start = out.low;
  switch (start.kind) {
    case Start::Kind::earliest:
      break;
    case Start::Kind::latest:
      out.start = out.high;
      break;
    case Start::Kind::committed:
      if (position != group.end()) {
        out.start = std::clamp(position->second.offset, out.low, out.high);
      }
      break;
    case Start::Kind::time:
      out.start = LEAT_TRY(offset_at(reading_->client(), partition, start.time_ms, deadline))
                      .value_or(out.high);
      break;
  }
  if (position != group.end()) {
    out.made_anew = is_made_anew(partition, position->second, out, deadline.stop());
  }
  return {};
}

/// Whether the message before the group's position is another one than was read. False too when
/// that message is no longer there to be compared.
bool Discovery::is_made_anew(const TopicPartition& partition, const GroupPosition& position,
                             const PartitionState& state, const std::stop_token& stop) {
  const std::int64_t last = position.offset - 1;
  if (!position.last || last < state.low || last >= state.high) return false;
  rd_kafka_topic_t* const topic = reading_->topic(partition.first);
  if (rd_kafka_consume_start(topic, partition.second, last) != 0) return false;
  const Deadline deadline(stop, compare_timeout_ms);
  bool other = false, ended = false;
  while (!ended && !deadline.over()) {
    rd_kafka_message_t* const message = rd_kafka_consume(topic, partition.second, slice_ms);
    if (message == nullptr) continue;
    ended = true;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == last) {
      rd_kafka_timestamp_type_t type;
      const std::string_view value(static_cast<const char*>(message->payload), message->len);
      other = Fingerprint::of(std::max<std::int64_t>(0, rd_kafka_message_timestamp(message, &type)),
                              value) != *position.last;
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consume_stop(topic, partition.second);
  return other;
}

}  // namespace leat::connector::kafka
