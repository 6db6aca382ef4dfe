#include "connector/kafka/connection.h"
#include "connector/kafka/message_options.h"
#include "connector/kafka/spec.h"

namespace leat::connector {
namespace {

std::vector<Setting> message_settings() {
  return {
      {.name = "format",
       .kind = Kind::enumeration,
       .doc = "What a message's value is: a JSON object of all columns, a CSV row of them, or one "
              "`column` as text or as bytes.",
       .default_value = "json",
       .choices = {"json", "csv", "text", "raw"}},
      {.name = "column",
       .doc = "Of `text` and `raw`: which one. NULL is a message without a value."},
      {.name = "key",
       .kind = Kind::text_list,
       .doc = "Columns that are the messages' key. Left out: the key columns of a view; none of a "
              "stream."},
      {.name = "key_format",
       .kind = Kind::enumeration,
       .doc = "`text` (of one column; a BLOB's bytes as they are) or a JSON object. Left out: "
              "`text` for one column, else `json`.",
       .choices = {"text", "json"}},
      {.name = "headers",
       .kind = Kind::text_map,
       .doc = "Headers of each message: name, and the column with its value."},
      {.name = "timestamp",
       .doc = "The column with the messages' timestamp: a TIMESTAMP, or a BIGINT with milliseconds "
              "since 1970. Left out, or NULL: the time of writing."},
      {.name = "envelope",
       .kind = Kind::enumeration,
       .doc = "`debezium`: each message holds the row `before` and `after` the change, and `op` "
              "(c, u, d).",
       .default_value = "none",
       .choices = {"none", "debezium"}},
      {.name = "tombstones",
       .kind = Kind::boolean,
       .doc =
           "Of `envelope: debezium`: a delete is followed by a tombstone, so that compaction can "
           "forget the key.",
       .default_value = "true"},
  };
}

std::vector<Setting> topic_settings() {
  return {
      {.name = "create",
       .kind = Kind::boolean,
       .doc = "Make the topic when it is missing.",
       .default_value = "true"},
      {.name = "partitions",
       .kind = Kind::integer,
       .doc = "Of a topic that is made. Left out: as the cluster does by default.",
       .min = 1,
       .max = 100'000},
      kafka::replication_setting(),
      {.name = "topic_settings",
       .kind = Kind::text_map,
       .doc = "Settings of a topic that is made, for example `cleanup.policy: compact`."},
  };
}

constexpr std::string_view doc = R"(Each row becomes a message.

- A stream's rows are messages in order. `key` chooses columns for the key, which decides on the
  partition; without one messages are spread.
- A view whose rows change is written as upserts: per key the newest row, or a tombstone (a message
  without a value) when the row is gone. Many changes of a key at a time are one message. A topic
  with `cleanup.policy: compact` then keeps just the view. With `envelope: debezium` messages hold
  both states as Debezium writes them; with the sink's `changes: true` every change is a message,
  with its `weight`.
- A topic's records are written with the value, key and timestamp that they have; nothing about
  their form can be set.

**Exactly once.** A batch and the sink's position are written in one transaction, so readers with
`isolation.level=read_committed` see every row once, whatever crashes when. The position is kept in
the cluster, as an offset of the consumer group that is named like the transactional id. A second
Leat with the same transactional id shuts the first one out, whose sink then ends (`sink-fenced`).
The cluster must be Kafka 2.5 or newer, and the user may need rights: Write and Describe on the
topic, Write on the transactional id, Read on the group, Create for a missing topic. Brokers forget
positions of a group that nobody has written to for `offsets.retention.minutes` (7 days); a sink
that stood still for longer goes on where Leat itself noted last, which after a crash may repeat the
last rows.

With `exactly_once: false` there are no transactions: rows are there some milliseconds earlier, and
after a crash the last ones may come twice.

**Rows that Kafka refuses** go to the dead letters with the reason, and the others are written:
those larger than the topic's `max.message.bytes` (before compression), those without a key for a
compacted topic, those with a timestamp that the topic does not take. An outage is waited for.)";

}  // namespace

Spec kafka_sink_spec() {
  Spec spec;
  spec.name = "kafka";
  spec.role = Role::sink;
  spec.summary = "Messages of a Kafka topic, exactly once.";
  spec.doc = doc;
  spec.delivery =
      "Exactly once: the sink's position is written in the same transaction as the rows. At least "
      "once with `exactly_once: false`.";
  spec.takes_topics = true;
  spec.target = {"topic"};
  spec.settings = kafka::connection_settings();
  spec.settings.insert(spec.settings.begin() + 1,
                       {.name = "topic", .doc = "The topic that is written to.", .required = true});
  for (auto& setting : message_settings()) spec.settings.push_back(std::move(setting));
  for (auto& setting : topic_settings()) spec.settings.push_back(std::move(setting));
  const std::vector<Setting> writing = {
      {.name = "compression",
       .kind = Kind::enumeration,
       .doc = "How batches are compressed.",
       .default_value = "lz4",
       .choices = {"none", "gzip", "snappy", "lz4", "zstd"}},
      {.name = "partitioner",
       .kind = Kind::enumeration,
       .doc = "How a key is mapped to a partition. murmur2 is what Java's clients do, consistent "
              "(CRC-32) what librdkafka's do; `_random` spreads messages without a key.",
       .default_value = "murmur2_random",
       .choices = {"murmur2_random", "murmur2", "consistent_random", "consistent", "fnv1a_random",
                   "fnv1a", "random"}},
      {.name = "exactly_once",
       .kind = Kind::boolean,
       .doc = "Write in transactions, with the sink's position.",
       .default_value = "true"},
      {.name = "transactional_id",
       .doc = "Must differ between sinks of one cluster that run at the same time. Left out: "
              "`leat.TOPIC.SINK`."},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "How long a batch may take until it counts as failed and is written again.",
       .default_value = "30s",
       .min = 1000,
       .max = 800'000},
  };
  for (const Setting& setting : writing) spec.settings.push_back(setting);
  spec.example = R"(kafka:
  brokers: [127.0.0.1:9092]
  topic: users_by_country
  topic_settings: {cleanup.policy: compact}
)";
  spec.check_input = [](const SinkInput& input, const Settings& settings) -> Status {
    LEAT_TRY(kafka::read_connection(settings, Context()));
    LEAT_TRY(kafka::read_message_options(input, settings));
    return {};
  };
  return spec;
}

}  // namespace leat::connector
