#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/sink_plan.h"
#include "connector/mongodb/spec.h"

namespace leat::connector {
namespace {

std::vector<Setting> document_settings() {
  return {
      {.name = "collection",
       .kind = Kind::text,
       .doc = "`DATABASE.NAME`; the name alone where `database` or `uri` names the database.",
       .required = true},
      {.name = "database",
       .kind = Kind::text,
       .doc = "The database; `collection` is then taken as it is, dots included."},
      {.name = "key",
       .kind = Kind::text_list,
       .doc = "Writes by key: a row takes the place of the document of its key. Names of columns; "
              "for a topic `$key` (the record's own key, whose tombstones delete) or JSON pointers "
              "into the record. A view has its key already."},
      {.name = "value",
       .kind = Kind::enumeration,
       .doc = "What a topic's records hold: `json`, whose fields become the document's; `text` or "
              "`binary`, which becomes the field `value`.",
       .default_value = "json",
       .choices = {"json", "text", "binary"}},
      {.name = "metadata",
       .kind = Kind::text,
       .doc = "Of a topic: a field that takes the record's partition, offset, timestamp, key, and "
              "headers where there are any. Choose a name that the records do not have; left out: "
              "not written."},
      {.name = "timestamps",
       .kind = Kind::enumeration,
       .doc = "`date`: MongoDB's own, which end at the millisecond (finer fractions are cut off). "
              "`text`: ISO 8601 in full.",
       .default_value = "date",
       .choices = {"date", "text"}},
      {.name = "if_taken",
       .kind = Kind::enumeration,
       .doc = "When a document that is inserted finds its `_id` taken by a different one (one that "
              "is the same was written before a restart, and is passed over): `refuse` stops the "
              "sink with an error, or sends a row that brought its `_id` itself to the dead "
              "letters; `replace` puts the newer one in its place.",
       .default_value = "refuse",
       .choices = {"refuse", "replace"}},
      {.name = "transactions",
       .kind = Kind::boolean,
       .doc = "Writes each batch together with the position after it in one transaction: exactly "
              "once. Needs a replica set. A transaction that the network cut off holds up the next "
              "one until the server ends it: after a minute, by its default "
              "(`transactionLifetimeLimitSeconds`).",
       .default_value = "false"},
      {.name = "positions",
       .kind = Kind::text,
       .doc = "With `transactions`: the collection in the same database that keeps the positions, "
              "one document a sink.",
       .default_value = "leat_positions"},
  };
}

std::vector<Setting> collection_settings() {
  return {
      {.name = "create",
       .kind = Kind::boolean,
       .doc = "Creates the collection where it is missing.",
       .default_value = "true"},
      {.name = "indexes",
       .kind = Kind::text_list,
       .doc = "Indexes to make where they are missing, each as fields with commas between: "
              "`country`, `country, -registered` (downwards), `email unique`, `email sparse`, "
              "`place:2dsphere` (or `2d`, `hashed`, `text`)."},
      {.name = "ttl",
       .kind = Kind::group,
       .doc = "Lets MongoDB delete documents by a date in them (a TTL index). A changed `after` is "
              "taken over.",
       .fields = {{.name = "field",
                   .kind = Kind::text,
                   .doc = "A column of type date or timestamp; of a topic `METADATA.timestamp`.",
                   .required = true},
                  {.name = "after",
                   .kind = Kind::duration,
                   .doc = "The age at which a document is deleted.",
                   .required = true,
                   .min = 1000}}},
      {.name = "time_series",
       .kind = Kind::group,
       .doc = "Makes a time-series collection of it (MongoDB 5 or later).",
       .fields = {{.name = "time",
                   .kind = Kind::text,
                   .doc = "The column of type date or timestamp that measurements are by.",
                   .required = true},
                  {.name = "meta",
                   .kind = Kind::text,
                   .doc = "The column that says what is measured, such as a sensor's name."},
                  {.name = "granularity",
                   .kind = Kind::enumeration,
                   .doc = "About how far apart the measurements of one `meta` are.",
                   .default_value = "seconds",
                   .choices = {"seconds", "minutes", "hours"}},
                  {.name = "expire_after",
                   .kind = Kind::duration,
                   .doc = "The age at which measurements are deleted; 0: never.",
                   .default_value = "0s",
                   .min = 0}}},
  };
}

}  // namespace

Spec mongodb_sink_spec() {
  Spec spec;
  spec.name = "mongodb";
  spec.role = Role::sink;
  spec.summary = "Documents in a MongoDB collection.";
  spec.doc = R"(**What is written.** A topic's JSON records become documents as they are, with types
kept: whole numbers are int32, int64 or (beyond that) decimal128, other numbers double, texts stay
texts, whatever they look like. The rows of a stream or view become documents with a field for each
column:

| column | in MongoDB |
|---|---|
| BOOLEAN, VARCHAR, NULL | bool, string, null |
| TINYINT … INTEGER, UTINYINT, USMALLINT | int32 |
| BIGINT, UINTEGER; UBIGINT, HUGEINT, UHUGEINT | int64; decimal128 where it does not fit |
| DECIMAL | decimal128 |
| FLOAT, DOUBLE | double |
| DATE, TIMESTAMP, TIMESTAMPTZ | date, to the millisecond (see `timestamps`) |
| UUID, BLOB | binary, of subtype 4 and 0 |
| JSON | the values that it holds |
| lists and arrays, structs, maps | array, document, document |
| TIME, INTERVAL, BIT, BIGNUM | string |

**Streams, topics, and views whose rows stay** are inserted, a document for each row, with the `_id`
`NAME:PARTITION:OFFSET` of the row, which is the same at every replay; a record or row with an `_id`
of its own keeps that. With `key`, a row takes the place of the document of its key instead.

**Views whose rows change** are kept as they are: each key's document is put in place or deleted,
with the key as its `_id` (a document, where the key has several columns; the view's name, where
there is one row). `changes: true` inserts every change instead, with its `weight`.

Writes are acknowledged by a majority of the replica set, in batches without an order. A document
that MongoDB refuses (a validator, a unique index, 16 MiB, a number of more than 34 digits) goes to
the dead letters with MongoDB's own words; all others are written. Anything that passes (no primary,
a time-out, a full disk) delays the sink and refuses nothing.

Documents of a time-series collection can't be made unique by MongoDB: after a restart Leat looks
for those that are there already, so nothing is doubled as long as one instance writes.)";
  spec.delivery =
      "Effectively once: rows that are written again after a crash have the same `_id`, and change "
      "nothing. With `transactions: true` exactly once: the position is in the same transaction as "
      "the rows, and an instance that was replaced is shut out.";
  spec.takes_topics = true;
  spec.target = {"database", "collection"};
  spec.settings = mongodb::endpoint_settings();
  for (auto&& settings : {document_settings(), collection_settings()}) {
    spec.settings.insert(spec.settings.end(), settings.begin(), settings.end());
  }
  spec.example = R"(mongodb:
  uri: ${MONGODB:-mongodb://127.0.0.1:27017/?replicaSet=rs0}
  collection: streaming.users
  indexes: ["country, -registered"]
)";
  spec.check_input = [](const SinkInput& input, const Settings& settings) -> Status {
    LEAT_TRY(mongodb::read_sink_plan(input, settings));
    return {};
  };
  return spec;
}

}  // namespace leat::connector
