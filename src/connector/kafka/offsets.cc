#include "connector/kafka/offsets.h"

#include "connector/kafka/stored_position.h"

namespace leat::connector::kafka {
namespace {

/// librdkafka goes by the leaders that it knows, although a broker says that it is none, until it
/// asks again of its own.
void forget_leaders(Client& client, int timeout_ms) {
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client.handle(), 1, nullptr, &metadata, timeout_ms) ==
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
}

}  // namespace

/// By the call that looks times up, of which the ends are two: the one that is made for it waits
/// for a broker that is away far beyond its time-out.
Result<Ends> query_ends(Client& client, const TopicPartition& partition, const Deadline& deadline) {
  const std::string doing =
      fmt::format("can't ask for the offsets of {}/{}", partition.first, partition.second);
  const auto ask = [&](std::int64_t end, std::int64_t& out, int timeout_ms) {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), partition.first.c_str(), partition.second);
    list->elems[0].offset = end;
    auto code = rd_kafka_offsets_for_times(client.handle(), list.get(), timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = list->elems[0].err;
    if (code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION) forget_leaders(client, timeout_ms);
    out = list->elems[0].offset;
    return code;
  };
  Ends ends;
  LEAT_TRY(client.wait(deadline, doing, [&](int timeout_ms) {
    return ask(RD_KAFKA_OFFSET_BEGINNING, ends.low, timeout_ms);
  }));
  LEAT_TRY(client.wait(deadline, doing, [&](int timeout_ms) {
    return ask(RD_KAFKA_OFFSET_END, ends.high, timeout_ms);
  }));
  return ends;
}

Result<std::optional<std::int64_t>> offset_at(Client& client, const TopicPartition& partition,
                                              std::int64_t time_ms, const Deadline& deadline) {
  const PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.first.c_str(), partition.second);
  LEAT_TRY(client.wait(deadline, "can't look for the offset of a time", [&](int timeout_ms) {
    list->elems[0].offset = time_ms;
    return rd_kafka_offsets_for_times(client.handle(), list.get(), timeout_ms);
  }));
  const rd_kafka_topic_partition_t& found = list->elems[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client.error(found.err, "can't look for the offset of a time"));
  }
  if (found.offset < 0) return std::optional<std::int64_t>();
  return std::optional(found.offset);
}

}  // namespace leat::connector::kafka
