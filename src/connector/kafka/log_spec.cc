#include "connector/kafka/connection.h"
#include "connector/kafka/spec.h"

namespace leat::connector {
namespace {

constexpr std::string_view doc =
    R"(Every topic of the pipeline is a topic of the cluster: those under
`topics:`, those that sources fill, and the dead letters. What is pushed or pulled is acknowledged
once the cluster has it on all replicas that it asks for (`acks=all`). The streams read the topics
there, from positions of their own, so records that other programs write to them are input like any
other. State, positions and the feeds of sinks stay in the data directory; it is not of use without
the cluster, nor with another one.

**Exactly once.** Records are written in transactions, those that come at the same time together. A
push is there as a whole or not at all, and one that is sent again (`Idempotency-Key`, or a producer
and sequence) counts once, also after a crash of Leat between the cluster's acknowledgement and
anything local. Leat reads committed records only; other readers must do so too
(`isolation.level=read_committed`), or they may see records of writes that failed. One process
writes at a time: a second one on a copy of the data directory is shut out, or shuts out the first.

**An outage** is waited for. A push that the cluster has not taken within `timeout` is answered 503
with `Retry-After`, sources wait, and what was read already goes on. A start needs the cluster.

**Topics** that are missing are made with the partitions, retention, compaction and compression that
the pipeline says, and are named `topic_prefix` and the topic's name. One that is there is taken as
it is, with more partitions than the pipeline says, too; one with fewer is an error. When a topic
was deleted and made again, or has lost records, that is an error, never a silent jump.

The user needs these rights: Read, Write, Describe and Create on the topics, Write and Describe on
transactional ids that begin with `leat.log.`, IdempotentWrite on the cluster.)";

}  // namespace

Spec kafka_log_spec() {
  Spec spec;
  spec.name = "kafka";
  spec.role = Role::log;
  spec.summary = "Topics are kept on a Kafka cluster.";
  spec.doc = doc;
  spec.settings = kafka::connection_settings();
  const std::vector<Setting> own = {
      {.name = "topic_prefix",
       .doc = "What the names of the topics on the cluster begin with, for example `leat.`. Left "
              "out: nothing."},
      kafka::replication_setting(),
      {.name = "topic_settings",
       .kind = Kind::text_map,
       .doc = "Further settings of topics that are made, for example `min.insync.replicas: 2`."},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "How long a push waits for the cluster.",
       .default_value = "10s",
       .min = 1000,
       .max = 600'000},
  };
  spec.settings.insert(spec.settings.begin() + 1, own.begin(), own.end());
  spec.example = R"(kafka:
  brokers: [127.0.0.1:9092]
  topic_prefix: leat.
  replication: 1
)";
  return spec;
}

}  // namespace leat::connector
