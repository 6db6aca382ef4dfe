#include "connector/kafka/kafka_sink.h"

#include <algorithm>
#include <random>

#include "connector/kafka/message_encoder.h"
#include "connector/kafka/producer.h"
#include "connector/kafka/topic_admin.h"

namespace leat::connector {
namespace kafka {
namespace {

/// Bytes that a batch of one record takes beside it (Kafka record batch, version 2), and a record
/// beside key, value and headers at most.
constexpr std::size_t batch_overhead = 61, record_overhead = 32, header_overhead = 10;
/// How long a transaction may be left open by us before the brokers end it.
constexpr std::int64_t transaction_spare_ms = 15'000;
/// For leaving things tidy after a failure.
constexpr std::int64_t abort_timeout_ms = 1000;

struct SinkOptions {
  Connection connection;
  std::string topic;
  std::string transactional_id;  ///< also the group that the position is stored for
  bool exactly_once = true;
  bool create = true;
  NewTopic new_topic;
  std::string compression, partitioner;
  std::int64_t timeout_ms = 0;
};

std::string random_instance() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

Result<SinkOptions> read_sink_options(const SinkInput& input, const Settings& settings,
                                      const Context& context) {
  SinkOptions out{.connection = LEAT_TRY(read_connection(settings, context)),
                  .topic = settings.text("topic")};
  out.transactional_id = settings.has("transactional_id")
                             ? settings.text("transactional_id")
                             : fmt::format("leat.{}.{}", out.topic, input.sink);
  out.exactly_once = settings.flag("exactly_once");
  out.create = settings.flag("create");
  if (settings.has("partitions")) {
    out.new_topic.partitions = static_cast<int>(settings.integer("partitions"));
  }
  if (settings.has("replication")) {
    out.new_topic.replication = static_cast<int>(settings.integer("replication"));
  }
  out.new_topic.settings = settings.map("topic_settings");
  out.compression = settings.text("compression");
  out.partitioner = settings.text("partitioner");
  out.timeout_ms = settings.duration_ms("timeout");
  return out;
}

class KafkaSink final : public Sink {
 public:
  KafkaSink(const SinkInput& input, SinkOptions options, MessageOptions messages)
      : options_(std::move(options)),
        has_key_(messages.has_key || messages.value == MessageOptions::Value::record),
        instance_(random_instance()),
        encoder_(input, std::move(messages)) {}

  Result<std::optional<std::string>> open(std::stop_token stop) override;
  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) override;
  Result<std::string> probe(std::stop_token stop) override;

 private:
  /// How a message is sent.
  enum class Send : std::uint8_t { together, alone, never };
  struct Pending {
    const SinkBatch& batch;
    const std::vector<Message>& messages;
    std::vector<Send> plan;
    std::vector<RefusedRow> refused;
    void refuse(std::size_t number, std::string reason) {
      plan[number] = Send::never;
      refused.push_back({messages[number].part, messages[number].row, std::move(reason)});
    }
  };

  Status make_sure_of_topic(const Deadline& deadline);
  Status make_producer(const Deadline& deadline);
  Status check_not_fenced(const Deadline& deadline);
  Client::Properties properties() const;
  Result<std::optional<std::string>> claim(const Deadline& deadline);
  void refuse_what_the_topic_forbids(Pending& pending) const;
  Status send_all(Pending& pending, const Deadline& deadline);
  Status finish(Pending& pending, const Deadline& deadline);
  Result<bool> attempt(Pending& pending, const Deadline& deadline);
  Result<bool> learn_from(std::vector<FailedMessage> failed, Pending& pending);
  void abandon();
  PositionPlace place() const { return {options_.transactional_id, options_.topic}; }

  const SinkOptions options_;
  const bool has_key_;
  const std::string instance_;  ///< tells this sink from another with the same transactional id
  MessageEncoder encoder_;
  TopicState topic_;
  bool claimed_ = false;
  std::unique_ptr<Producer> producer_;
  Producer::Target target_;
};

Status KafkaSink::make_sure_of_topic(const Deadline& deadline) {
  const auto client = LEAT_TRY(Client::make(RD_KAFKA_PRODUCER, options_.connection, {}));
  const auto found = LEAT_TRY(look_at_topic(*client, options_.topic, deadline));
  if (found) {
    topic_ = *found;
  } else if (options_.create) {
    topic_ = LEAT_TRY(create_topic(*client, options_.topic, options_.new_topic, deadline));
  } else {
    return user_error("kafka-topic-missing",
                      "kafka {}: there is no topic {}; make it by kafka-topics.sh --create --topic "
                      "{}, or set `create: true`",
                      options_.connection.brokers, options_.topic, options_.topic);
  }
  if (topic_.compacted && !has_key_) {
    return user_error("kafka-key",
                      "kafka {}: topic {} is compacted and takes no message without a key; name "
                      "its columns by `key`",
                      options_.connection.brokers, options_.topic);
  }
  return {};
}

/// Whoever stored the position last is the one who writes.
Status KafkaSink::check_not_fenced(const Deadline& deadline) {
  const auto stored = LEAT_TRY(read_stored_position(options_.connection, place(), false, deadline));
  if (!stored || stored->instance == instance_) return {};
  return user_error("sink-fenced",
                    "kafka {}: another Leat has taken over the transactional id {}; stop one of "
                    "the two, or give them different ones by `transactional_id`",
                    options_.connection.brokers, options_.transactional_id);
}

Client::Properties KafkaSink::properties() const {
  const std::int64_t transaction_ms = options_.timeout_ms + transaction_spare_ms;
  Client::Properties out = {
      {"enable.idempotence", "true"},
      {"delivery.report.only.error", "true"},
      {"compression.codec", options_.compression},
      {"partitioner", options_.partitioner},
      {"linger.ms", "5"},
      // A transaction's requests meet each other at the coordinator, which then wants them again.
      {"retry.backoff.ms", "20"},
      {"message.timeout.ms", fmt::format("{}", options_.timeout_ms)},
  };
  // No batch may become larger than the topic takes.
  if (topic_.message_bytes_max) {
    out["message.max.bytes"] =
        fmt::format("{}", std::clamp<std::int64_t>(*topic_.message_bytes_max, 1000, 1'000'000'000));
  }
  if (options_.exactly_once) {
    out["transactional.id"] = options_.transactional_id;
    out["transaction.timeout.ms"] = fmt::format("{}", transaction_ms);
  }
  return out;
}

Result<std::optional<std::string>> KafkaSink::open(std::stop_token stop) {
  const Deadline deadline(stop, options_.connection.connect_timeout_ms);
  abandon();
  if (claimed_) LEAT_TRY(check_not_fenced(deadline));
  if (const Status made = make_producer(deadline); !made) {
    abandon();
    return std::unexpected(made.error());
  }
  if (!options_.exactly_once) return std::nullopt;
  auto position = claim(Deadline(stop, options_.connection.connect_timeout_ms));
  if (!position) abandon();
  return position;
}

/// Shuts out others with our id.
Status KafkaSink::make_producer(const Deadline& deadline) {
  LEAT_TRY(make_sure_of_topic(deadline));
  producer_ = LEAT_TRY(Producer::make(options_.connection, properties()));
  target_.topic = LEAT_TRY(producer_->topic(options_.topic));
  return options_.exactly_once ? producer_->init(deadline) : Status();
}

/// Reads how far others with our id came, and says who writes from now on.
Result<std::optional<std::string>> KafkaSink::claim(const Deadline& deadline) {
  const auto stored = LEAT_TRY(read_stored_position(options_.connection, place(), true, deadline));
  std::optional<std::string> position = stored ? stored->position : std::nullopt;
  LEAT_TRY(producer_->begin());
  LEAT_TRY(producer_->store(place(), {instance_, position}, deadline));
  LEAT_TRY(producer_->commit(deadline));
  claimed_ = true;
  return position;
}

/// Gives the producer up; a transaction that is open is aborted where that is quickly done, so that
/// readers need not wait for the brokers to do it.
void KafkaSink::abandon() {
  if (producer_ && options_.exactly_once) {
    (void)producer_->abort(Deadline({}, abort_timeout_ms));
  }
  producer_.reset();
}

void KafkaSink::refuse_what_the_topic_forbids(Pending& pending) const {
  const TimestampMs now_ms = system_clock().now_ms();
  for (std::size_t i = 0; i < pending.messages.size(); ++i) {
    if (pending.plan[i] == Send::never) continue;
    const Message& message = pending.messages[i];
    if (topic_.compacted && message.key.data() == nullptr) {
      pending.refuse(i, fmt::format("topic {} is compacted and takes no message without a key",
                                    options_.topic));
      continue;
    }
    if (const auto fault = topic_.timestamp_fault(message.timestamp_ms, now_ms)) {
      pending.refuse(i, *fault);
      continue;
    }
    if (!topic_.message_bytes_max) continue;
    std::size_t bytes =
        batch_overhead + record_overhead + message.key.size() + message.value.size();
    for (std::uint32_t k = 0; k < message.header_count; ++k) {
      const RecordHeader& header = encoder_.headers(message)[k];
      bytes += header_overhead + header.name.size() + (header.value ? header.value->size() : 0);
    }
    if (bytes <= static_cast<std::size_t>(*topic_.message_bytes_max)) continue;
    pending.refuse(i, fmt::format("the message takes {} bytes, but topic {} takes {} at most "
                                  "(max.message.bytes)",
                                  bytes, options_.topic, *topic_.message_bytes_max));
  }
}

Result<std::vector<RefusedRow>> KafkaSink::write(const SinkBatch& batch, std::stop_token stop) {
  if (!producer_) {
    return internal_error("sink-not-open", "a Kafka sink is written to before it was opened");
  }
  if (batch.position.size() > position_bytes_max) {
    return user_error("kafka-position",
                      "the sink's position takes {} bytes, more than Kafka keeps beside an offset; "
                      "read from fewer partitions, or set `exactly_once: false`",
                      batch.position.size());
  }
  std::vector<RefusedRow> refused;
  const std::vector<Message>& messages = encoder_.encode(batch, refused);
  Pending pending{batch, messages, std::vector(messages.size(), Send::together),
                  std::move(refused)};
  while (true) {
    refuse_what_the_topic_forbids(pending);
    const Result<bool> written = attempt(pending, Deadline(stop, options_.timeout_ms));
    if (written && *written) break;
    Status renewed;
    if (written) {
      // The refused batch has left a gap in the producer's sequence numbers; and the topic's limits
      // may be others than when it was opened.
      producer_.reset();
      renewed = make_producer(Deadline(stop, options_.connection.connect_timeout_ms));
      if (renewed) continue;
    }
    abandon();
    return std::unexpected(written ? renewed.error() : written.error());
  }
  // With transactions they are among the dead letters already.
  if (options_.exactly_once) return std::vector<RefusedRow>();
  return std::move(pending.refused);
}

/// One transaction with all that is left to send. False: a message was refused, and nothing of it
/// counts.
Result<bool> KafkaSink::attempt(Pending& pending, const Deadline& deadline) {
  if (options_.exactly_once) LEAT_TRY(producer_->begin());
  Status status = send_all(pending, deadline);
  if (status) status = finish(pending, deadline);
  if (status && !producer_->any_failed()) return true;
  if (options_.exactly_once && !deadline.over()) {
    // Also tells the fate of each message that was under way.
    if (const Status aborted = producer_->abort(deadline); !aborted) {
      return std::unexpected((status ? aborted : status).error());
    }
  }
  std::vector<FailedMessage> failed = producer_->take_failed();
  if (failed.empty()) return std::unexpected(status.error());
  return learn_from(std::move(failed), pending);
}

Status KafkaSink::send_all(Pending& pending, const Deadline& deadline) {
  bool any_alone = false;
  const auto send = [&](std::size_t i) -> Status {
    const Message& message = pending.messages[i];
    const auto why =
        LEAT_TRY(producer_->send(target_, message, encoder_.headers(message), i, deadline));
    if (why) pending.refuse(i, rd_kafka_err2str(*why));
    return {};
  };
  for (std::size_t i = 0; i < pending.messages.size(); ++i) {
    any_alone = any_alone || pending.plan[i] == Send::alone;
    if (pending.plan[i] == Send::together) LEAT_TRY(send(i));
  }
  if (!any_alone) return {};
  LEAT_TRY(producer_->flush(deadline));
  for (std::size_t i = 0; i < pending.messages.size(); ++i) {
    if (pending.plan[i] != Send::alone) continue;
    LEAT_TRY(send(i));
    // The first failure ends the transaction, and is this message's own.
    LEAT_TRY(producer_->flush(Deadline(deadline.stop(), options_.timeout_ms)));
  }
  return {};
}

Status KafkaSink::finish(Pending& pending, const Deadline& deadline) {
  if (options_.exactly_once && pending.refused.empty() && !producer_->any_failed()) {
    // While the messages are under way.
    LEAT_TRY(producer_->store(place(), {instance_, pending.batch.position}, deadline));
  }
  LEAT_TRY(producer_->flush(deadline));
  if (!options_.exactly_once || producer_->any_failed()) return {};
  if (!pending.refused.empty()) {
    LEAT_TRY(pending.batch.set_aside(pending.refused));
    LEAT_TRY(producer_->store(place(), {instance_, pending.batch.position}, deadline));
  }
  return producer_->commit(deadline);
}

/// Of a batch that the brokers refused, each message is sent alone next time: then it is clear
/// which one is at fault.
Result<bool> KafkaSink::learn_from(std::vector<FailedMessage> failed, Pending& pending) {
  for (const FailedMessage& message : failed) {
    if (!message.is_refusal()) {
      return std::unexpected(producer_->client().error(message.why, "a message was not written"));
    }
  }
  if (!options_.exactly_once) {
    // All others are written.
    for (std::size_t i = 0; i < pending.plan.size(); ++i) {
      const auto is_this = [&](const FailedMessage& message) { return message.number == i; };
      if (std::ranges::none_of(failed, is_this)) pending.plan[i] = Send::never;
    }
  }
  for (const FailedMessage& message : failed) {
    if (pending.plan[message.number] == Send::alone || failed.size() == 1) {
      pending.refuse(message.number, rd_kafka_err2str(message.why));
    } else {
      pending.plan[message.number] = Send::alone;
    }
  }
  return false;
}

Result<std::string> KafkaSink::probe(std::stop_token stop) {
  const Deadline deadline(stop, options_.connection.connect_timeout_ms);
  const auto client = LEAT_TRY(Client::make(RD_KAFKA_PRODUCER, options_.connection, {}));
  const auto found = LEAT_TRY(look_at_topic(*client, options_.topic, deadline));
  if (!found && !options_.create) {
    return user_error("kafka-topic-missing",
                      "kafka {}: there is no topic {}; make it by kafka-topics.sh --create --topic "
                      "{}, or set `create: true`",
                      options_.connection.brokers, options_.topic, options_.topic);
  }
  if (options_.exactly_once) {
    LEAT_TRY(read_stored_position(options_.connection, place(), false, deadline));
  }
  if (!found) {
    return fmt::format("kafka {}: topic {} is missing and will be made",
                       options_.connection.brokers, options_.topic);
  }
  return fmt::format("kafka {}: topic {} has {} partition{}", options_.connection.brokers,
                     options_.topic, found->partitions, found->partitions == 1 ? "" : "s");
}

}  // namespace
}  // namespace kafka

Result<std::unique_ptr<Sink>> make_kafka_sink(const SinkInput& input, const Settings& settings,
                                              const Context& context) {
  auto options = LEAT_TRY(kafka::read_sink_options(input, settings, context));
  auto messages = LEAT_TRY(kafka::read_message_options(input, settings));
  return std::make_unique<kafka::KafkaSink>(input, std::move(options), std::move(messages));
}

}  // namespace leat::connector
