#include "connector/mongodb/endpoint.h"
#include "connector/mongodb/spec.h"

namespace leat::connector {
namespace {

std::vector<Setting> change_settings() {
  return {
      {.name = "collection",
       .kind = Kind::text,
       .doc = "`DATABASE.NAME`; the name alone where `database` or `uri` names the database."},
      {.name = "database",
       .kind = Kind::text,
       .doc = "The database; without `collection`, all its collections are followed."},
      {.name = "records",
       .kind = Kind::enumeration,
       .doc =
           "`document`: each record is the document as it is after the change, with the `_id` as "
           "the record's key; a deleted document is a tombstone. `change`: each record says what "
           "happened: `op`, `collection`, `at`, `key`, `document`, `before`, `updated`, "
           "`removed`.",
       .default_value = "document",
       .choices = {"document", "change"}},
      {.name = "json",
       .kind = Kind::enumeration,
       .doc =
           "How BSON becomes JSON. `plain`: object ids as 24 digits, dates as ISO 8601, UUIDs as "
           "such, other binary as base64, all numbers as numbers. `extended`: MongoDB's relaxed "
           "extended JSON, which keeps every type.",
       .default_value = "plain",
       .choices = {"plain", "extended"}},
      {.name = "snapshot",
       .kind = Kind::boolean,
       .doc = "Reads the documents that are there first (as `op: snapshot`), then their changes "
              "from that time on. `false`: only what changes from now on.",
       .default_value = "true"},
      {.name = "pipeline",
       .kind = Kind::text,
       .doc = "Aggregation stages behind the change stream, as a JSON array: for example "
              "'[{\"$match\": {\"operationType\": \"insert\"}}]'. They must leave `_id` in. The "
              "snapshot does not pass through them."},
      {.name = "full_document",
       .kind = Kind::enumeration,
       .doc = "The document of an update. `lookup`: looked up, as it is by then (it may be newer "
              "than the change). `required`: exactly as after the change; the collection needs "
              "`changeStreamPreAndPostImages`. `as_changed`: none, only the fields that changed.",
       .default_value = "lookup",
       .choices = {"lookup", "required", "as_changed"}},
      {.name = "before",
       .kind = Kind::boolean,
       .doc = "With `records: change`: the document before the change, where the collection keeps "
              "it (`changeStreamPreAndPostImages`).",
       .default_value = "false"},
      {.name = "if_history_lost",
       .kind = Kind::enumeration,
       .doc = "When the source was away for longer than the server keeps changes: `stop` with an "
              "error, read everything again (`snapshot`), or go on from now (`latest`).",
       .default_value = "stop",
       .choices = {"stop", "snapshot", "latest"}},
  };
}

}  // namespace

Spec mongodb_source_spec() {
  Spec spec;
  spec.name = "mongodb";
  spec.role = Role::source;
  spec.summary = "The documents of a MongoDB collection, and all their changes.";
  spec.doc = R"(Follows a change stream, which needs a replica set or a sharded cluster. Changes
arrive in their order, and in one partition of the topic; where reading goes on (the resume token)
is stored with the records, so that each change is there exactly once, after a crash as well. Only
while the snapshot is read can a change made meanwhile come twice: in the document and as itself.

A view with `key:` on the record's key (`field: $key`) and `deletes:` on a column with `field:
$tombstone` is the collection as it is.

A primary that dies is waited for. Updates that follow each other quickly may all show the newest
document (see `full_document`). Dropping a collection makes no records with `records: document`.)";
  spec.settings = mongodb::endpoint_settings();
  for (Setting& setting : change_settings()) spec.settings.push_back(std::move(setting));
  spec.example = R"(mongodb:
  uri: ${MONGODB:-mongodb://127.0.0.1:27017/?replicaSet=rs0}
  collection: shop.orders
)";
  return spec;
}

}  // namespace leat::connector
