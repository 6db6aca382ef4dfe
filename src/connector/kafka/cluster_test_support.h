#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "connector/kafka/batch_test_support.h"
#include "connector/kafka/client.h"
#include "connector/kafka/record_headers.h"
#include "connector/kafka/stored_position.h"
#include "connector/kafka/topic_admin.h"
#include "connector/served_test_support.h"

namespace leat::connector::kafka {

/// Declares `cluster`, one broker that all tests of the program share, or skips the test.
#define LEAT_NEED_KAFKA(cluster)                                 \
  ::leat::ServedServer* cluster##_server = shared_kafka().get(); \
  if (cluster##_server == nullptr) GTEST_SKIP() << why_no_kafka; \
  TestCluster cluster(cluster##_server)

inline std::string why_no_kafka;

inline std::unique_ptr<ServedServer>& shared_kafka() {
  static std::unique_ptr<ServedServer> server = [] {
    auto started = ServedServer::start("kafka");
    if (started) return std::move(*started);
    why_no_kafka = started.error().message;
    EXPECT_TRUE(started.error().unavailable) << why_no_kafka;
    return std::unique_ptr<ServedServer>();
  }();
  return server;
}

/// Ends the shared server before the program ends.
class SharedKafkaEnd final : public testing::Environment {
 public:
  void TearDown() override { shared_kafka().reset(); }
};

/// A message as a reader sees it.
struct ReadMessage {
  int partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::string key, value;  ///< "null" where there is none
  std::vector<std::string> headers;
};

/// A cluster and what tests do with it, by a client of librdkafka's own.
class TestCluster {
 public:
  explicit TestCluster(ServedServer* server) : server_(server) {
    for (const auto& address : server->json()["addresses"]) brokers_.push_back(address);
  }
  ServedServer& server() { return *server_; }
  std::vector<std::string> brokers() const { return brokers_; }
  std::string command(const std::string& verb) { return server_->command(verb); }

  Settings sink_settings(const std::string& topic) {
    Settings settings = kafka::sink_settings(topic);
    settings.set("brokers", brokers_);
    return settings;
  }
  Settings source_settings(const std::string& topic) {
    Settings settings = default_settings(kafka_source_spec());
    settings.set("brokers", brokers_);
    settings.set("topics", std::vector<std::string>{topic});
    return settings;
  }
  Connection connection() {
    Settings settings;
    settings.set("brokers", brokers_);
    settings.set("connect_timeout", std::int64_t{20'000});
    return *read_connection(settings, Context());
  }

  void create(const std::string& topic, int partitions = 1,
              std::map<std::string, std::string> settings = {}) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {});
    const auto made =
        create_topic(*client, topic, {partitions, -1, std::move(settings)}, Deadline({}, 20'000));
    ASSERT_TRUE(made) << made.error().message;
  }
  void remove(const std::string& topic) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {});
    rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client->handle());
    rd_kafka_DeleteTopics(client->handle(), &request, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20'000);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(request);
  }
  /// Sets `max.message.bytes`, and returns when brokers go by it.
  void limit_messages(const std::string& topic, std::int64_t bytes_max) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {});
    rd_kafka_ConfigResource_t* request =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_ConfigResource_set_config(request, "max.message.bytes",
                                       std::to_string(bytes_max).c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client->handle());
    rd_kafka_AlterConfigs(client->handle(), &request, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20'000);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(request);
    const Deadline deadline({}, 20'000);
    auto state = look_at_topic(*client, topic, deadline);
    while (state && *state && (*state)->message_bytes_max != bytes_max && !deadline.over()) {
      client->serve(50);
      state = look_at_topic(*client, topic, deadline);
    }
    ASSERT_TRUE(state && *state);
    client->serve(500);  // a broker tells of it a moment before it goes by it
  }
  /// Of partition 0, before the offset.
  void delete_records(const std::string& topic, std::int64_t before) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {});
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = before;
    rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client->handle());
    rd_kafka_DeleteRecords(client->handle(), &request, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20'000);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
  }
  void add_partitions(const std::string& topic, int total) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {});
    char text[256];
    rd_kafka_NewPartitions_t* request =
        rd_kafka_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(total), text, 256);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client->handle());
    rd_kafka_CreatePartitions(client->handle(), &request, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 20'000);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewPartitions_destroy(request);
  }
  /// Messages with these values ("null": a tombstone), in order, to one partition.
  void produce(const std::string& topic, const std::vector<std::string>& values, int partition = 0,
               const std::string& key = "", std::int64_t timestamp_ms = 0) {
    const auto client = *Client::make(RD_KAFKA_PRODUCER, connection(), {{"linger.ms", "1"}});
    for (const std::string& value : values) {
      const bool none = value == "null";
      ASSERT_EQ(rd_kafka_producev(client->handle(), RD_KAFKA_V_TOPIC(topic.c_str()),
                                  RD_KAFKA_V_PARTITION(partition),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_KEY(key.empty() ? nullptr : key.data(), key.size()),
                                  RD_KAFKA_V_VALUE(none ? nullptr : const_cast<char*>(value.data()),
                                                   none ? 0 : value.size()),
                                  RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ASSERT_EQ(rd_kafka_flush(client->handle(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// Everything in the topic that readers of committed transactions see, by partition and offset.
  std::vector<ReadMessage> read(const std::string& topic) {
    const auto client = *Client::make(RD_KAFKA_CONSUMER, connection(),
                                      {{"group.id", "test"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.partition.eof", "true"},
                                       {"isolation.level", "read_committed"}});
    const auto state = look_at_topic(*client, topic, Deadline({}, 20'000));
    EXPECT_TRUE(state && *state);
    if (!state || !*state) return {};
    rd_kafka_topic_t* handle = rd_kafka_topic_new(client->handle(), topic.c_str(), nullptr);
    std::vector<ReadMessage> out;
    for (int partition = 0; partition < (*state)->partitions; ++partition) {
      rd_kafka_consume_start(handle, partition, RD_KAFKA_OFFSET_BEGINNING);
      const Deadline deadline({}, 20'000);
      bool ended = false;
      while (!ended && !deadline.over()) {
        rd_kafka_message_t* message = rd_kafka_consume(handle, partition, 200);
        client->serve(0);
        if (message == nullptr) continue;
        ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) out.push_back(copy_of(message));
        rd_kafka_message_destroy(message);
      }
      EXPECT_TRUE(ended) << topic << "/" << partition;
      rd_kafka_consume_stop(handle, partition);
    }
    rd_kafka_topic_destroy(handle);
    return out;
  }
  std::vector<std::string> values(const std::string& topic) {
    std::vector<std::string> out;
    for (const ReadMessage& message : read(topic)) out.push_back(message.value);
    return out;
  }
  /// What remains of each key, as compaction would leave it.
  std::map<std::string, std::string> newest(const std::string& topic) {
    std::map<std::string, std::string> out;
    for (const ReadMessage& message : read(topic)) {
      if (message.value == "null") {
        out.erase(message.key);
      } else {
        out[message.key] = message.value;
      }
    }
    return out;
  }

 private:
  static ReadMessage copy_of(const rd_kafka_message_t* message) {
    const auto text = [](const void* data, std::size_t size) {
      return data == nullptr ? "null" : std::string(static_cast<const char*>(data), size);
    };
    rd_kafka_timestamp_type_t type;
    ReadMessage out{message->partition,
                    message->offset,
                    rd_kafka_message_timestamp(message, &type),
                    text(message->key, message->key_len),
                    text(message->payload, message->len),
                    {}};
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      out.headers.push_back(name + (":" + text(value, size)));
    }
    return out;
  }

  ServedServer* server_;
  std::vector<std::string> brokers_;
};

}  // namespace leat::connector::kafka
