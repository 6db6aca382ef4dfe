#include "connector/cassandra/spec.h"

#include "connector/cassandra/table_plan.h"

namespace leat::connector {
namespace {

constexpr const char* sink_doc =
    R"(A **view** is kept as it is: one row of the table for each key, put in, changed and taken
out as the view's rows are. A **stream** only ever adds rows: the newest one of each key stays; name
the key in `partition_key` and `clustering_key`, or write to a table that is there.

Each write carries its row's own timestamp, taken from when Leat made the row durable: writing it
again changes nothing, and an old row never comes to stand over a newer one. Rows that somebody else
writes with the server's clock compare with them as with any other client's. A column of a new row
that is NULL takes away what was there, unless `nulls: keep` is set.

Keyspace and table are made if they are missing, and columns are added that the input gained. A
table that is there already may have other columns, and other types wherever no value can change
on the way: any integer type takes the others' values as far as it can hold them, `text` takes
everything that is not nested. Its primary key must have all columns of the view's key.

| type | in a new table |
|---|---|
| BOOLEAN, VARCHAR, BLOB, UUID | boolean, text, blob, uuid |
| TINYINT; SMALLINT, UTINYINT | tinyint; smallint |
| INTEGER, USMALLINT; BIGINT, UINTEGER | int; bigint |
| UBIGINT, HUGEINT, UHUGEINT | varint |
| DECIMAL, FLOAT, DOUBLE | decimal, float, double |
| DATE, TIME, INTERVAL | date, time, duration |
| TIMESTAMP of any unit, TIMESTAMP WITH TIME ZONE | timestamp (milliseconds) |
| lists, maps, structs | list, map, tuple |
| arrays | vector (Cassandra 5), or list |
| JSON and all others | text |

Existing tables may also have `ascii`, `inet`, `timeuuid`, `set` and user types; the fields of a
STRUCT go to those of a user type by name. Tables with counters are refused.

Requests go to the nodes that own their rows, many at once; rows of one partition go together. Nodes
that fail are left out until they are back, new ones are found. A row that Cassandra refuses for
good (too large, an empty key, a value out of range) goes to the dead letters with the server's
words; all others are written. An outage, a time-out, too few replicas for `consistency` are waited
for.

Limits: Cassandra 3.0 or newer and what speaks its protocol (versions 4 and 5); sign-in by user name
and password; the Murmur3 partitioner, or rows are sent to any node.)";

constexpr const char* table_doc =
    R"(Streams look rows up by `key`: the whole primary key of the table, or its partition key with
or without the first of its clustering columns, of which there may be several rows
(`rows_per_key`). Prepared statements go to the nodes that own the rows, many at once.

`columns` are compared with the table's at the start, again after each failure, and by
`leat check --connect`; an error names the difference. Columns that are not named are not read.

| in Cassandra | `columns` |
|---|---|
| ascii, text, inet | `text` |
| tinyint; smallint; int | `tinyint`; `smallint`; `integer`; or a larger one |
| bigint, counter | `bigint`, or `hugeint` |
| varint | `hugeint`, or a smaller integer |
| decimal | `decimal(p, s)` |
| float, double | `float`, `double` |
| boolean, blob, uuid, timeuuid | `boolean`, `blob`, `uuid`, `uuid` |
| timestamp | `timestamptz`, `timestamp` |
| date, time, duration | `date`, `time`, `interval` (microseconds) |
| list, set; vector | a list, as `text[]`; a list or an array |
| map | `map(text, integer)` |
| tuple; user type | `struct(…)`: by place; by the fields' names |

A value that the column can't hold (a `varint` beyond `hugeint`) sends the stream's row to the dead
letters. A key that the table can't have, as an empty text, has no row. While no node answers, what
is to be joined waits.)";

std::vector<Setting> tls_settings() {
  return {
      {.name = "ca",
       .kind = Kind::path,
       .doc = "PEM file with the authorities that sign the nodes' certificates. Left out: the "
              "system's."},
      {.name = "cert", .kind = Kind::path, .doc = "PEM file with our certificate (mutual TLS)."},
      {.name = "key",
       .kind = Kind::path,
       .doc = "PEM file with the key of `cert`. Left out: it is in that file, too."},
      {.name = "server_name",
       .doc = "The name that every node's certificate has. Left out: the address that the node is "
              "reached by."},
  };
}

std::vector<Setting> table_settings() {
  return {
      {.name = "table",
       .doc = "`KEYSPACE.TABLE`, with upper and lower case as written.",
       .required = true},
      {.name = "partition_key",
       .kind = Kind::text_list,
       .doc = "Columns whose values say which nodes keep a row. Left out: the view's key, or that "
              "of a table that is there."},
      {.name = "clustering_key",
       .kind = Kind::text_list,
       .doc = "Columns that order the rows within a partition; with `partition_key` they are the "
              "primary key."},
      {.name = "types",
       .kind = Kind::text_map,
       .doc = "CQL types of a new table's columns, where they are to be others than in the table "
              "above: `{year: text}`; `\"*\"` for all that are not named."},
      {.name = "create",
       .kind = Kind::boolean,
       .doc = "Makes the keyspace, the table and missing columns. `false`: what is missing is an "
              "error that names the statement to run.",
       .default_value = "true"},
      {.name = "replication",
       .kind = Kind::text_map,
       .doc = "Of a new keyspace: replicas by data centre, `{datacenter1: 3}`, or all of what "
              "`replication` takes in CQL. Left out: SimpleStrategy with one replica."},
      {.name = "ttl",
       .kind = Kind::duration,
       .doc = "Rows vanish so long after they were written; whole seconds. Left out: never.",
       .min = 1},
      {.name = "nulls",
       .kind = Kind::enumeration,
       .doc = "What NULL in a row does to what the table has there: `delete` or `keep`. Deleting "
              "costs a tombstone each.",
       .default_value = "delete",
       .choices = {"delete", "keep"}},
  };
}

std::vector<Setting> connection_settings() {
  return {
      {.name = "hosts",
       .kind = Kind::text_list,
       .doc = "Nodes to begin with, `HOST` or `HOST:PORT`; the others are learned from them.",
       .required = true},
      {.name = "port",
       .kind = Kind::integer,
       .doc = "Of hosts that are written without one.",
       .default_value = "9042",
       .min = 1,
       .max = 65535},
      {.name = "datacenter",
       .doc = "Whose nodes requests go to. Left out: that of the first host that answers."},
      {.name = "username", .doc = "Left out: no sign-in."},
      {.name = "password", .doc = "Of `username`.", .secret = true},
      {.name = "tls",
       .kind = Kind::group,
       .doc = "Connect by TLS; certificates are always verified. `tls: {}` for the system's "
              "authorities. Left out: not encrypted.",
       .fields = tls_settings()},
  };
}

Setting write_consistency() {
  return {.name = "consistency",
          .kind = Kind::enumeration,
          .doc = "How many replicas must have a row before it counts as written.",
          .default_value = "local_quorum",
          .choices = {"any", "one", "two", "three", "quorum", "all", "local_quorum", "each_quorum",
                      "local_one"}};
}

Setting read_consistency() {
  return {.name = "consistency",
          .kind = Kind::enumeration,
          .doc = "How many replicas must say what they have of a row.",
          .default_value = "local_quorum",
          .choices = {"one", "two", "three", "quorum", "all", "local_quorum", "local_one"}};
}

std::vector<Setting> request_settings(Setting consistency, const char* timeout) {
  return {
      std::move(consistency),
      {.name = "compression",
       .kind = Kind::enumeration,
       .doc = "Of what is sent: `lz4` where the server knows it, for a slow network.",
       .default_value = "none",
       .choices = {"none", "lz4"}},
      {.name = "protocol",
       .kind = Kind::enumeration,
       .doc = "The newest version of the native protocol that is spoken.",
       .default_value = "5",
       .choices = {"5", "4"}},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "A request without an answer for this long is tried on another node.",
       .default_value = timeout,
       .min = 100},
      {.name = "connect_timeout",
       .kind = Kind::duration,
       .doc = "The same for connecting and signing in.",
       .default_value = "5s",
       .min = 100},
  };
}

}  // namespace

Spec cassandra_sink_spec() {
  Spec spec;
  spec.name = "cassandra";
  spec.role = Role::sink;
  spec.summary = "A table in Apache Cassandra.";
  spec.doc = sink_doc;
  spec.target = {"table"};
  spec.delivery =
      "Effectively once: after a crash rows may be written again, and as each has its key and its "
      "own timestamp, the table is the same as if they had been written once.";
  spec.settings = connection_settings();
  for (auto more : {table_settings(), request_settings(write_consistency(), "12s")}) {
    spec.settings.insert(spec.settings.end(), more.begin(), more.end());
  }
  spec.check_input = [](const SinkInput& input, const Settings& settings) -> Status {
    LEAT_TRY(cql::plan_table(input, settings));
    return {};
  };
  spec.example = R"(cassandra:
  hosts: [cassandra.example.com]
  table: spark_streams.created_users
  username: leat
  password: ${CASSANDRA_PASSWORD:-none}
  replication: {datacenter1: 3}
)";
  return spec;
}

Spec cassandra_table_spec() {
  Spec spec;
  spec.name = "cassandra";
  spec.role = Role::table;
  spec.summary = "A table in Apache Cassandra.";
  spec.doc = table_doc;
  spec.settings = connection_settings();
  spec.settings.push_back({.name = "table",
                           .doc = "`KEYSPACE.TABLE`, with upper and lower case as written.",
                           .required = true});
  spec.settings.push_back({.name = "in_flight",
                           .kind = Kind::integer,
                           .doc = "Keys that are asked at once.",
                           .default_value = "256",
                           .min = 1,
                           .max = 4096});
  for (Setting& setting : request_settings(read_consistency(), "5s")) {
    spec.settings.push_back(std::move(setting));
  }
  spec.example = R"(cassandra:
  hosts: [cassandra.example.com]
  table: reference.countries
  username: leat
  password: ${CASSANDRA_PASSWORD:-none}
)";
  return spec;
}

}  // namespace leat::connector
