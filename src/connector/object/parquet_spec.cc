#include "connector/object/location.h"
#include "connector/object/parquet_plan.h"
#include "connector/object/spec.h"

namespace leat::connector {
namespace {

std::vector<Setting> parquet_settings() {
  return {
      {.name = "partition_by",
       .kind = Kind::ordered_map,
       .doc =
           "Folders to tell files apart by: names, in the order of the folders, each with an SQL "
           "expression over the row, as `{year: year(registered), month: month(registered)}`. "
           "A file then stands in `year=2026/month=1/`, where DuckDB, Spark and Arrow find the "
           "values again; NULL is `__HIVE_DEFAULT_PARTITION__`. A name that is also a column's "
           "takes that column as it is (`country: country`), and out of the files."},
      {.name = "sort_by",
       .kind = Kind::text_list,
       .doc =
           "Columns by which the rows of a file are sorted, `-NAME` downwards: readers that look "
           "for a few values then pass over most of the file. Left out: in the order of their "
           "arrival."},
      {.name = "roll",
       .kind = Kind::group,
       .doc = "When gathered rows are written: as soon as one of these is reached, and when a run "
              "with `--once` ends. With `partition_by` they are spread over several files.",
       .fields = {{.name = "bytes",
                   .kind = Kind::bytes,
                   .doc = "Size of what is written, about: it is told from how small earlier files "
                          "became.",
                   .default_value = "128MiB",
                   .min = 1},
                  {.name = "rows",
                   .kind = Kind::integer,
                   .doc =
                       "Number of rows; 0: any. It may be passed by some thousands, as rows come "
                       "in batches.",
                   .default_value = "0",
                   .min = 0},
                  {.name = "every",
                   .kind = Kind::duration,
                   .doc = "Time since the first of the rows came to the sink.",
                   .default_value = "5m",
                   .min = 1}}},
      {.name = "compact",
       .kind = Kind::group,
       .doc =
           "Merges small files of this sink, those of each folder, into larger ones. The merged "
           "file is there before the small ones are removed: who lists files in between reads "
           "their rows twice, and a source `objects` takes it for a new object. Left out: no file "
           "is ever taken away.",
       .fields = {{.name = "below",
                   .kind = Kind::bytes,
                   .doc = "Files smaller than this are merged.",
                   .required = true,
                   .min = 1,
                   .max = 1 << 30},
                  {.name = "after",
                   .kind = Kind::duration,
                   .doc = "Time since they were written, by the store's clock: so long who has "
                          "listed a file can still read it.",
                   .default_value = "1h",
                   .min = 0}}},
      {.name = "compression",
       .kind = Kind::enumeration,
       .doc = "How the columns are compressed.",
       .default_value = "zstd",
       .choices = {"zstd", "snappy", "gzip", "lz4", "none"}},
      {.name = "uuid",
       .kind = Kind::enumeration,
       .doc = "How a UUID is written: as `text`, or in Parquet's own type (`native`, 16 bytes), "
              "which Spark 3 and 4 can't read.",
       .default_value = "text",
       .choices = {"text", "native"}},
  };
}

}  // namespace

Spec parquet_sink_spec() {
  Spec spec;
  spec.name = "parquet";
  spec.role = Role::sink;
  spec.summary = "Parquet files in a folder or an S3-compatible store.";
  spec.doc =
      R"(Rows are gathered and written together, as `roll` says, to new files that are never
changed again: `NAME.NUMBER.TAG-0.parquet`, after the sink's name, below `path` and the folders of
`partition_by`. Until then they wait in Leat's own log, and nothing is lost by a crash.

Readers see whole files only, and each row in one of them (`compact` says when not):

    SELECT * FROM read_parquet('s3://lake/users/**/*.parquet', hive_partitioning = true)

In Leat they are a table by the sink's name, for `leat sql` and `POST /v1/sql`, beside the views.

What a write consists of is announced in `_leat/NAME/` below `path` before any of its files is
shown; after a crash the next start brings an announced write to its end and removes what was only
begun (docs/formats/parquet_sink.md). Readers pass over that folder. Others may take files away or
add files of their own; two sinks may share a path, but only under different names.

A file can't take a row back. A stream, a topic, and a view that emits `on_close`, only ever add
rows. Any other view needs `changes: true` beside the connector: the column `weight` is then +1 for
a row that is put in and -1 for one that is taken back, and adding the weights up gives the view.

Types are Parquet's own; where it has none, HUGEINT and UHUGEINT are DECIMAL(38,0) (a number that
does not fit goes to the dead letters), INTERVAL, BIT and BIGNUM are text, arrays are lists.

In S3 a write goes up as multipart uploads, which are completed once it is announced. The key needs
the rights to list, read, write and delete objects below `path`, and to list and abort uploads. The
store must know conditional writes (`If-None-Match`), as Amazon S3, MinIO and versitygw do. Uploads
that a crash left behind are aborted at the next start; MinIO does not list them, and removes them
by itself after a day.)";
  spec.delivery =
      "Exactly once: the position is announced together with the names of the files, which then "
      "are "
      "bound to appear; a second instance that writes as the same sink is shut out.";
  spec.rows_only_added = true;
  spec.takes_topics = true;
  spec.target = {"path"};
  spec.settings = object::location_settings();
  const std::vector<Setting> own = parquet_settings();
  spec.settings.insert(spec.settings.begin() + 1, own.begin(), own.end());
  spec.example = R"(parquet:
  path: s3://lake/users
  endpoint: ${S3:-http://127.0.0.1:9000}
  access_key: ${S3_KEY:-key}
  secret_key: ${S3_SECRET:-secret}
)";
  spec.check_input = [](const SinkInput& input, const Settings& settings) -> Status {
    LEAT_TRY(object::read_parquet_plan(input, settings));
    return {};
  };
  return spec;
}

}  // namespace leat::connector
