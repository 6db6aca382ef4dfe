#include "connector/postgresql/connect_options.h"
#include "connector/postgresql/spec.h"
#include "connector/postgresql/table_plan.h"

namespace leat::connector {
namespace {

constexpr const char* sink_doc =
    R"(A **view** is kept as it is: one row of the table for each key, put in, changed and taken
out as the view's rows are. A view without a key is the table's one row. A **stream** only ever adds
rows, to a table without a key if need be; with `key` it keeps the newest row of each key. A
**topic** gives its records in the columns `key`, `value`, `timestamp`, `partition`, `offset` and
`headers`; with `key: [key]`, the newest value of each key, and a record without a value takes the
row out.
With `changes: true` beside the connector, every change of a view is a row with its `weight`, +1 or
-1.

Each batch is one transaction: rows go by `COPY` into a temporary table and from there into the
table by `INSERT … ON CONFLICT DO UPDATE`, rows that only add straight into it, and the sink's
position into the table `leat_positions`. That is why no row is lost or doubled, whatever is killed
or cut off, and whenever. Two instances of one sink can't both write: the newer one takes over, and
the older one ends with the error `sink-fenced`.

Schema and table are made if they are missing, and columns are added that the input gained.
A table that is there already may have other columns, if they may be empty, and other types, if
PostgreSQL can cast to them: what does not fit then is refused row by row. To be kept by key, it
needs a primary key or a unique index of exactly these columns.

| type | in a new table |
|---|---|
| TINYINT, UTINYINT, SMALLINT | smallint |
| USMALLINT, INTEGER | integer |
| UINTEGER, BIGINT | bigint |
| UBIGINT; HUGEINT, UHUGEINT; BIGNUM | numeric(20,0); numeric(39,0); numeric |
| DECIMAL(p,s) | numeric(p,s) |
| FLOAT, DOUBLE | real, double precision |
| BOOLEAN, VARCHAR, BLOB, UUID, BIT | boolean, text, bytea, uuid, bit varying |
| DATE, TIME, TIME WITH TIME ZONE, INTERVAL | date, time, timetz, interval |
| TIMESTAMP (of any unit), TIMESTAMP WITH TIME ZONE | timestamp, timestamptz |
| lists and arrays of these | arrays |
| JSON, structs, maps, lists of lists | jsonb |

A row that PostgreSQL refuses for good (a constraint, a value that a type can't hold, a trigger's
exception) goes to the dead letters with the server's words; all others of its batch are written. An
outage, a lock, a standby that is not yet the primary are waited for.

Limits: PostgreSQL 12 or newer; through a connection pooler only with session pooling, as temporary
tables are used; PostgreSQL's `text` can't hold the character U+0000; a key can't be NULL, unless
`null_keys` is set.)";

std::vector<Setting> table_settings() {
  return {
      {.name = "table",
       .kind = Kind::text,
       .doc = "`NAME` or `SCHEMA.NAME`, with upper and lower case as written.",
       .required = true},
      {.name = "key",
       .kind = Kind::text_list,
       .doc = "Columns that identify a row of a stream or topic: the newest row of each key is "
              "kept. A view has its own key."},
      {.name = "create",
       .kind = Kind::boolean,
       .doc = "Makes the table, its schema and missing columns. `false`: what is missing is an "
              "error that names the statement to run.",
       .default_value = "true"},
      {.name = "null_keys",
       .kind = Kind::boolean,
       .doc = "Makes the table with `UNIQUE NULLS NOT DISTINCT` instead of a primary key, so that "
              "a key may be NULL, as in a group of all rows without a country. Needs PostgreSQL "
              "15.",
       .default_value = "false"},
      {.name = "record_key",
       .kind = Kind::enumeration,
       .doc = "Of a topic: the type of the column `key`.",
       .default_value = "text",
       .choices = {"text", "bytea", "json", "jsonb"}},
      {.name = "record_value",
       .kind = Kind::enumeration,
       .doc = "Of a topic: the type of the column `value`. `json` keeps the text byte for byte.",
       .default_value = "jsonb",
       .choices = {"text", "bytea", "json", "jsonb"}},
      {.name = "record_headers",
       .kind = Kind::boolean,
       .doc = "Of a topic: writes the column `headers`, a jsonb object.",
       .default_value = "true"},
      {.name = "position_name",
       .kind = Kind::text,
       .doc = "Under which name the position is kept in `leat_positions`. Two sinks of one "
              "database need two names. Left out: the sink's name and the table's."},
      {.name = "positions_table",
       .kind = Kind::text,
       .doc = "The table of positions, `NAME` or `SCHEMA.NAME`.",
       .default_value = "leat_positions"},
      {.name = "timeout",
       .kind = Kind::duration,
       .doc = "A server that gives no sign for this long is taken for gone, and the batch is "
              "written again later. No statement may take longer.",
       .default_value = "1m",
       .min = 1},
  };
}

}  // namespace

Spec postgresql_sink_spec() {
  Spec spec;
  spec.name = "postgresql";
  spec.role = Role::sink;
  spec.summary = "A table in PostgreSQL, exactly once.";
  spec.doc = sink_doc;
  spec.delivery =
      "Exactly once: rows and the sink's position are written in one transaction, and after any "
      "failure the sink goes on from the position that PostgreSQL has.";
  spec.takes_topics = true;
  spec.target = {"table"};
  spec.settings = postgresql::connection_settings();
  for (Setting& setting : table_settings()) spec.settings.push_back(std::move(setting));
  spec.check_input = [](const SinkInput& input, const Settings& settings) -> Status {
    LEAT_TRY(postgresql::plan_table(input, settings));
    return {};
  };
  spec.example = R"(postgresql:
  uri: postgresql://app@db.example.com/shop
  password: ${PGPASSWORD:-none}
  table: public.users_by_country
)";
  return spec;
}

}  // namespace leat::connector
