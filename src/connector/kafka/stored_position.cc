#include "connector/kafka/stored_position.h"

#include <cstdlib>
#include <cstring>

namespace leat::connector::kafka {
namespace {

constexpr std::string_view magic = "leat/1 ";

PartitionList list_of(const PositionPlace& place) {
  PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), 0);
  return list;
}

}  // namespace

std::string StoredPosition::text() const {
  return fmt::format("{}{} {}", magic, instance, position ? "=" + *position : "");
}

std::optional<StoredPosition> StoredPosition::parse(std::string_view text) {
  if (!text.starts_with(magic)) return std::nullopt;
  text.remove_prefix(magic.size());
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  StoredPosition out{std::string(text.substr(0, blank)), std::nullopt};
  text.remove_prefix(blank + 1);
  if (text.starts_with('=')) out.position = text.substr(1);
  return out;
}

PartitionList offset_with(const PositionPlace& place, const StoredPosition& stored) {
  PartitionList list = list_of(place);
  rd_kafka_topic_partition_t& element = list->elems[0];
  const std::string text = stored.text();
  element.offset = 0;
  // librdkafka frees it.
  element.metadata = std::malloc(text.size());
  element.metadata_size = text.size();
  std::memcpy(element.metadata, text.data(), text.size());
  return list;
}

Result<std::optional<StoredPosition>> read_stored_position(const Connection& connection,
                                                           const PositionPlace& place, bool settled,
                                                           const Deadline& deadline) {
  const auto client = LEAT_TRY(
      Client::make(RD_KAFKA_CONSUMER, connection,
                   {{"group.id", place.group},
                    {"enable.auto.commit", "false"},
                    {"isolation.level", settled ? "read_committed" : "read_uncommitted"}}));
  PartitionList list = list_of(place);
  const std::string doing = fmt::format("can't read the position of group {}", place.group);
  LEAT_TRY(client->wait(deadline, doing, [&](int timeout_ms) {
    return rd_kafka_committed(client->handle(), list.get(), timeout_ms);
  }));
  const rd_kafka_topic_partition_t& found = list->elems[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client->error(found.err, doing));
  }
  if (found.offset < 0 || found.metadata == nullptr) return std::nullopt;
  return StoredPosition::parse({static_cast<const char*>(found.metadata), found.metadata_size});
}

}  // namespace leat::connector::kafka
