#include "connector/postgresql/connect_options.h"
#include "connector/postgresql/spec.h"

namespace leat::connector {
namespace {

constexpr const char* source_doc =
    R"(The tables are read as they are, then every change follows as it is committed, by logical
replication (the plug-in `pgoutput`; nothing has to be installed). All records go to the source's
topic in the order of the commits.

A record's key is the row's primary key as a JSON object. Its value, with `form: rows`, is the row
as a JSON object with the columns' names; for a row that was deleted there is no value (a
tombstone). A view with `key:` on the record's key (`field: $key`) and `deletes:` on a column with
`field: $tombstone` is the table as it is. With `form: envelope` it tells what happened:

    {"op":"u","table":"public.users","before":null,"after":{"id":1,"name":"Ada"},
     "lsn":"0/1A2B3C","transaction":742,"at":"2026-01-01T00:00:00.000000Z"}

`op` is `r` for a row that was read as it was, `c` created, `u` updated, `d` deleted, `t` for a
table that was truncated (`form: rows` can't tell that). `before` is null, the primary key (`d`), or
the whole row where the table has `REPLICA IDENTITY FULL`. A row whose primary key changes is a `d`
and a `c`. A large value that an update left alone is not sent by the server: it is looked up in the
table and named in `unchanged`.

Values are JSON numbers, booleans, arrays, and `json`/`jsonb` as they are; `bytea` is base64;
timestamps are ISO 8601, in UTC where they have a zone; all other types are text. Columns that are
added or dropped are in the rows from the next change on.

**Exactly once.** The place in the server's log is stored with the records themselves. A snapshot
that is broken off goes on behind the last key it read; changes that either snapshot saw already are
told apart by their transaction, and left out.

The server needs `wal_level = logical`, the user `REPLICATION` and `SELECT` on the tables, and to
make the publication must own the tables. Each table needs a primary key. PostgreSQL 13 or newer.

**The slot holds back the server's log** as far as it was not read, also while Leat does not run:
`max_slot_wal_keep_size` bounds that. Before the source is taken out of the pipeline file, run once
with `drop_slot: true`, which takes slot and publication away, or do so by hand:
`SELECT pg_drop_replication_slot('NAME')`, `DROP PUBLICATION NAME`.

With **`poll`** there is no replication: a table is asked for rows behind the last one, in the order
of a column that rises, such as a serial number or the time of the last change. Deleted rows are not
noticed, nor are rows that a long transaction makes visible after greater ones were read; `delay`
leaves them the time.)";

std::vector<Setting> slot_settings() {
  return {
      {.name = "slot",
       .kind = Kind::text,
       .doc = "Name of the replication slot, made if it is missing; lower-case letters, digits and "
              "_. Needed unless the source polls. One slot belongs to one source of one data "
              "directory."},
      {.name = "publication",
       .kind = Kind::text,
       .doc = "Name of the publication, made if it is missing; tables that it lacks are added. "
              "Left out: the slot's name."},
      {.name = "snapshot",
       .kind = Kind::boolean,
       .doc = "Reads the tables as they are at first. `false`: changes alone.",
       .default_value = "true"},
      {.name = "if_slot_lost",
       .kind = Kind::enumeration,
       .doc = "What to do when the slot is gone, or the server could keep it no longer: `stop` "
              "with an error, or make it anew and read the tables again (`snapshot`), which tells "
              "rows again and not which ones were deleted meanwhile.",
       .default_value = "stop",
       .choices = {"stop", "snapshot"}},
      {.name = "drop_slot",
       .kind = Kind::boolean,
       .doc = "Takes slot and publication away, and ends.",
       .default_value = "false"},
      {.name = "lag_warn",
       .kind = Kind::bytes,
       .doc = "Warns in the log when the slot holds back more of the server's log than this.",
       .default_value = "1GiB",
       .min = 0},
  };
}

}  // namespace

Spec postgresql_source_spec() {
  Spec spec;
  spec.name = "postgresql";
  spec.role = Role::source;
  spec.summary = "Tables of PostgreSQL and every change to them, exactly once; or a table polled.";
  spec.doc = source_doc;
  spec.settings = postgresql::connection_settings();
  spec.settings.push_back({.name = "tables",
                           .kind = Kind::text_list,
                           .doc = "Tables, as `NAME` or `SCHEMA.NAME`.",
                           .required = true});
  spec.settings.push_back({.name = "form",
                           .kind = Kind::enumeration,
                           .doc = "`rows`: the row itself. `envelope`: what happened to it.",
                           .default_value = "rows",
                           .choices = {"rows", "envelope"}});
  for (Setting& setting : slot_settings()) spec.settings.push_back(std::move(setting));
  spec.settings.push_back(
      {.name = "poll",
       .kind = Kind::group,
       .doc = "Asks for new rows instead of following changes.",
       .fields = {{.name = "column",
                   .kind = Kind::text,
                   .doc = "A column that rises with each row that is put in or changed.",
                   .required = true},
                  {.name = "every",
                   .kind = Kind::duration,
                   .doc = "Time between asking again once nothing more was there.",
                   .default_value = "1s",
                   .min = 1},
                  {.name = "delay",
                   .kind = Kind::duration,
                   .doc = "Only rows whose column, a timestamp, is at least this old.",
                   .default_value = "0ms",
                   .min = 0},
                  {.name = "rows_max",
                   .kind = Kind::integer,
                   .doc = "Rows that are fetched at once.",
                   .default_value = "2000",
                   .min = 1,
                   .max = 100'000}}});
  spec.settings.push_back({.name = "timeout",
                           .kind = Kind::duration,
                           .doc =
                               "A server that gives no sign for this long is taken for gone, and "
                               "connected to again.",
                           .default_value = "1m",
                           .min = 1});
  spec.example = R"(postgresql:
  uri: postgresql://leat@db.example.com/shop
  password: ${PGPASSWORD:-none}
  tables: [public.users]
  slot: leat_users
)";
  return spec;
}

}  // namespace leat::connector
