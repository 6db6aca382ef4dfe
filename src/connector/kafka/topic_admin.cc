#include "connector/kafka/topic_admin.h"

#include <charconv>

namespace leat::connector::kafka {
namespace {

struct QueueDeleter {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDeleter>;
struct EventDeleter {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDeleter>;
struct OptionsDeleter {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, OptionsDeleter>;
struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

Options admin_options(Client& client, rd_kafka_admin_op_t operation) {
  Options options(rd_kafka_AdminOptions_new(client.handle(), operation));
  const auto timeout =
      static_cast<int>(std::min<std::int64_t>(client.connection().connect_timeout_ms, 600'000));
  char text[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, text, sizeof text);
  return options;
}

/// The answer to an administrative request.
Result<Event> answer(Client& client, rd_kafka_queue_t* queue, const Deadline& deadline,
                     std::string_view doing) {
  Event event;
  const auto poll = [&](int timeout_ms) {
    event.reset(rd_kafka_queue_poll(queue, timeout_ms));
    return event ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__TIMED_OUT;
  };
  LEAT_TRY(client.wait(deadline, doing, poll));
  if (const auto code = rd_kafka_event_error(event.get())) {
    return std::unexpected(client.error(code, rd_kafka_event_error_string(event.get()), doing));
  }
  return event;
}

struct Found {
  int partitions = 0;  ///< 0: there is no such topic
  bool has_leaders = false;
};

/// The whole cluster is asked, since asking for one topic by its name may make it.
Result<Found> find_topic(Client& client, const std::string& topic, const Deadline& deadline) {
  const rd_kafka_metadata_t* raw = nullptr;
  LEAT_TRY(client.wait(deadline, "can't ask for the topics", [&](int timeout_ms) {
    return rd_kafka_metadata(client.handle(), 1, nullptr, &raw, timeout_ms);
  }));
  const Metadata metadata(raw);
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& found = metadata->topics[i];
    if (topic != found.topic) continue;
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) break;
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt == 0) {
      return std::unexpected(client.error(found.err, fmt::format("can't use topic {}", topic)));
    }
    Found out{found.partition_cnt, true};
    for (int k = 0; k < found.partition_cnt; ++k) {
      out.has_leaders = out.has_leaders && found.partitions[k].leader >= 0;
    }
    return out;
  }
  return Found();
}

std::optional<std::int64_t> number_in(std::string_view value) {
  std::int64_t number = 0;
  const auto end = value.data() + value.size();
  if (std::from_chars(value.data(), end, number).ptr != end || number <= 0) return std::nullopt;
  return number;
}

void read_settings(const rd_kafka_ConfigResource_t* resource, TopicState& state) {
  std::size_t count = 0;
  bool brokers_time = false;
  const auto* entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* raw = rd_kafka_ConfigEntry_value(entries[i]);
    const std::string_view name = rd_kafka_ConfigEntry_name(entries[i]);
    const std::string_view value = raw == nullptr ? "" : raw;
    if (name == "cleanup.policy") state.compacted = value.find("compact") != value.npos;
    if (name == "max.message.bytes") state.message_bytes_max = number_in(value);
    if (name == "message.timestamp.before.max.ms") state.before_ms_max = number_in(value);
    if (name == "message.timestamp.after.max.ms") state.after_ms_max = number_in(value);
    if (name == "message.timestamp.type") brokers_time = value == "LogAppendTime";
  }
  if (brokers_time) state.before_ms_max = state.after_ms_max = std::nullopt;
}

/// The topic's settings, as far as we may see them: those who may only write to it can't.
Status look_at_settings(Client& client, const std::string& topic, const Deadline& deadline,
                        TopicState& state) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, decltype(&rd_kafka_ConfigResource_destroy)>
      resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()),
               rd_kafka_ConfigResource_destroy);
  const Options options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  const Queue queue(rd_kafka_queue_new(client.handle()));
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  rd_kafka_DescribeConfigs(client.handle(), resources, 1, options.get(), queue.get());
  const Event event =
      LEAT_TRY(answer(client, queue.get(), deadline, fmt::format("can't ask for topic {}", topic)));
  std::size_t count = 0;
  const auto* found = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count == 1 && rd_kafka_ConfigResource_error(found[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    read_settings(found[0], state);
  }
  return {};
}

Status request_topic(Client& client, const std::string& topic, const NewTopic& wanted,
                     const Deadline& deadline) {
  const std::string doing = fmt::format("can't make topic {}", topic);
  char text[512] = {};
  const std::unique_ptr<rd_kafka_NewTopic_t, decltype(&rd_kafka_NewTopic_destroy)> request(
      rd_kafka_NewTopic_new(topic.c_str(), wanted.partitions, wanted.replication, text,
                            sizeof text),
      rd_kafka_NewTopic_destroy);
  if (!request) return user_error("kafka-topic-settings", "{}: {}", doing, text);
  for (const auto& [name, value] : wanted.settings) {
    rd_kafka_NewTopic_set_config(request.get(), name.c_str(), value.c_str());
  }
  const Options options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  const Queue queue(rd_kafka_queue_new(client.handle()));
  rd_kafka_NewTopic_t* requests[] = {request.get()};
  rd_kafka_CreateTopics(client.handle(), requests, 1, options.get(), queue.get());
  const Event event = LEAT_TRY(answer(client, queue.get(), deadline, doing));
  std::size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* words = rd_kafka_topic_result_error_string(results[i]);
    return std::unexpected(
        client.error(code, words != nullptr ? words : rd_kafka_err2str(code), doing));
  }
  return {};
}

}  // namespace

std::optional<std::string> TopicState::timestamp_fault(std::int64_t timestamp_ms,
                                                       std::int64_t now_ms) const {
  if (timestamp_ms < 0) return std::nullopt;
  const std::int64_t late_ms = now_ms - timestamp_ms;
  if (before_ms_max && late_ms > *before_ms_max) {
    return fmt::format(
        "the timestamp lies {} ms back, and the topic takes {} ms at most "
        "(message.timestamp.before.max.ms)",
        late_ms, *before_ms_max);
  }
  if (after_ms_max && -late_ms > *after_ms_max) {
    return fmt::format(
        "the timestamp lies {} ms ahead, and the topic takes {} ms at most "
        "(message.timestamp.after.max.ms)",
        -late_ms, *after_ms_max);
  }
  return std::nullopt;
}

Result<std::optional<TopicState>> look_at_topic(Client& client, const std::string& topic,
                                                const Deadline& deadline) {
  TopicState state;
  state.partitions = LEAT_TRY(find_topic(client, topic, deadline)).partitions;
  if (state.partitions == 0) return std::nullopt;
  LEAT_TRY(look_at_settings(client, topic, deadline, state));
  return state;
}

Result<TopicState> create_topic(Client& client, const std::string& topic, const NewTopic& wanted,
                                const Deadline& deadline) {
  LEAT_TRY(request_topic(client, topic, wanted, deadline));
  // Brokers learn of it one after the other: one that is asked second may not know it yet.
  while (!deadline.over()) {
    if (LEAT_TRY(find_topic(client, topic, deadline)).has_leaders) {
      const auto state = LEAT_TRY(look_at_topic(client, topic, deadline));
      if (state) return *state;
    }
    client.serve(50);
  }
  return transient_error("kafka-unreachable",
                         "kafka {}: topic {} was made, but its partitions have no leaders yet",
                         client.connection().brokers, topic);
}

}  // namespace leat::connector::kafka
