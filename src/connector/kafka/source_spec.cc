#include "connector/kafka/connection.h"
#include "connector/kafka/spec.h"

namespace leat::connector {

Spec kafka_source_spec() {
  Spec spec;
  spec.name = "kafka";
  spec.role = Role::source;
  spec.summary = "Topics of a Kafka cluster, read in place, each message exactly once.";
  spec.doc = R"(The topics are read where they are: nothing is copied to the log. How far each
partition was read is kept with what was made of it, in one commit, so that a crash neither loses
nor repeats a message. The positions are also committed to the consumer `group` now and then, so
that Kafka's own tools show the lag; Leat does not rely on them (but for `start: committed`), and
the group's rebalancing has no part in it.

Topics are given by name, or by a regular expression that begins with `^`. Topics and partitions
that appear later are found by themselves and read from their beginning. A topic that does not exist
yet is waited for.

Message columns are read with `field: $key`, `$timestamp`, `$headers`, `$topic`, `$partition`,
`$offset`, `$value`, `$tombstone`. A message without a value (a tombstone) deletes the row of its
key in a view with `key: …` and `deletes`, over a column with `field: $tombstone`. Only messages
of committed transactions are read, unless `isolation: read_uncommitted`.

When the messages after a position are no longer there (retention was faster, the topic was deleted
and made again), that is the error `position-lost`, never a silent jump: read the topic anew by
giving the source another name, or make the cluster keep messages for longer.)";
  spec.settings = kafka::connection_settings();
  const std::vector<Setting> reading = {
      {.name = "topics",
       .kind = Kind::text_list,
       .doc = "Names of topics, or regular expressions that begin with `^`.",
       .required = true},
      {.name = "start",
       .kind = Kind::text,
       .doc = "Where a partition is begun that was never read: `earliest`, `latest`, `committed` "
              "(where the group stands, else `earliest`), or a time such as "
              "`2026-01-31T00:00:00Z`.",
       .default_value = "earliest"},
      {.name = "stop_at_end",
       .kind = Kind::boolean,
       .doc = "End once everything is read that was there at the start.",
       .default_value = "false"},
      {.name = "group",
       .doc = "The consumer group whose positions are brought up to date. Left out: "
              "`leat.PIPELINE.SOURCE`, by their names."},
      {.name = "isolation",
       .kind = Kind::enumeration,
       .doc = "Whether messages of transactions are read before these are committed.",
       .default_value = "read_committed",
       .choices = {"read_committed", "read_uncommitted"}},
      {.name = "discover_every",
       .kind = Kind::duration,
       .doc = "How often new topics and partitions are looked for.",
       .default_value = "5s",
       .min = 100,
       .max = 3'600'000},
  };
  spec.settings.insert(spec.settings.begin() + 1, reading.begin(), reading.end());
  spec.example = R"(kafka:
  brokers: [127.0.0.1:9092]
  topics: [user_events]
)";
  return spec;
}

}  // namespace leat::connector
