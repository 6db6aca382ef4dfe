#include "connector/kafka/reading_client.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include <zlib.h>

#include "connector/kafka/stored_position.h"

namespace leat::connector::kafka {
namespace {

constexpr std::string_view magic = "leat/1 ";
constexpr std::size_t fingerprint_bytes = 1024;

}  // namespace

Fingerprint Fingerprint::of(std::int64_t timestamp_ms, std::string_view value) {
  value = value.substr(0, fingerprint_bytes);
  const auto checksum =
      crc32(0, reinterpret_cast<const Bytef*>(value.data()), static_cast<uInt>(value.size()));
  return {timestamp_ms, static_cast<std::uint32_t>(checksum)};
}

std::string Fingerprint::text() const {
  return fmt::format("{}{} {:08x}", magic, timestamp_ms, checksum);
}

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) {
  if (!text.starts_with(magic)) return std::nullopt;
  text.remove_prefix(magic.size());
  Fingerprint out;
  const char* const end = text.data() + text.size();
  const auto time = std::from_chars(text.data(), end, out.timestamp_ms);
  if (time.ec != std::errc() || time.ptr == end) return std::nullopt;
  const auto sum = std::from_chars(time.ptr + 1, end, out.checksum, 16);
  if (sum.ec != std::errc() || sum.ptr != end) return std::nullopt;
  return out;
}

Result<std::shared_ptr<ReadingClient>> ReadingClient::make(const SourceOptions& options) {
  std::shared_ptr<ReadingClient> out(new ReadingClient());
  out->client_ = LEAT_TRY(Client::make(RD_KAFKA_CONSUMER, options.connection,
                                       {{"group.id", options.group},
                                        {"enable.auto.commit", "false"},
                                        {"auto.offset.reset", "error"},
                                        {"enable.partition.eof", "true"},
                                        {"isolation.level", options.isolation},
                                        {"fetch.wait.max.ms", "100"},
                                        {"fetch.error.backoff.ms", "200"},
                                        {"topic.metadata.refresh.interval.ms", "60000"}}));
  return out;
}

ReadingClient::~ReadingClient() {
  if (topic_deleted_) {
    // librdkafka 2.0 waits for ever when it is to end after a topic that it read was deleted. It is
    // left alone until the process ends.
    (void)client_.release();
    return;
  }
  for (const auto& [name, handle] : topics_) rd_kafka_topic_destroy(handle);
}

rd_kafka_topic_t* ReadingClient::topic(const std::string& name) {
  std::lock_guard lock(mutex_);
  rd_kafka_topic_t*& handle = topics_[name];
  if (handle == nullptr) handle = rd_kafka_topic_new(client_->handle(), name.c_str(), nullptr);
  return handle;
}

void ReadingClient::set_trouble(std::optional<Error> trouble) {
  std::lock_guard lock(mutex_);
  in_trouble_ = trouble.has_value();
  trouble_ = std::move(trouble);
}

std::optional<Error> ReadingClient::trouble() const {
  if (!in_trouble_) return std::nullopt;
  std::lock_guard lock(mutex_);
  return trouble_;
}

void ReadingClient::note_committed(const TopicPartition& partition, GroupPosition position) {
  std::lock_guard lock(mutex_);
  noted_[partition] = position;
}

void ReadingClient::commit_positions(int timeout_ms) {
  std::map<TopicPartition, GroupPosition> noted;
  {
    std::lock_guard lock(mutex_);
    noted.swap(noted_);
  }
  if (noted.empty()) return;
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(noted.size())));
  for (const auto& [partition, position] : noted) {
    rd_kafka_topic_partition_t* element =
        rd_kafka_topic_partition_list_add(list.get(), partition.first.c_str(), partition.second);
    element->offset = position.offset;
    if (!position.last) continue;
    const std::string text = position.last->text();
    element->metadata = std::malloc(text.size());  // librdkafka frees it
    element->metadata_size = text.size();
    std::memcpy(element->metadata, text.data(), text.size());
  }
  rd_kafka_queue_t* const answers = rd_kafka_queue_new(client_->handle());
  rd_kafka_commit_queue(client_->handle(), list.get(), answers, nullptr, nullptr);
  if (rd_kafka_event_t* answer = rd_kafka_queue_poll(answers, timeout_ms)) {
    rd_kafka_event_destroy(answer);
  }
  rd_kafka_queue_destroy(answers);
}

}  // namespace leat::connector::kafka
