#include "connector/file_table/spec.h"

namespace leat::connector {

Spec file_table_spec() {
  Spec spec;
  spec.name = "file";
  spec.role = Role::table;
  spec.kept = true;
  spec.summary = "Reference data in a CSV, JSON or Parquet file, read again when it changes.";
  spec.doc =
      R"(The file is a table as a whole: views join it as they join a view, streams join it as of
now, and queries and panels read it. `columns` may be left out: they are then what the file says,
with types that all its rows have. `key`, `rows_per_key` and `cache` have no meaning here.

It is loaded at the start, before any record is taken in, and again when the file changes: its time,
size or inode, looked at each `reload`, twice the same before it is read. What differs from the rows
before is taken in as one epoch, so that a query sees the old table or the new one, and a view
changes by the difference. The rows are part of what is committed. What a file has become while Leat
was down is taken in first thing at the start, however it ended.

A file that is gone, empty, too large or has a row that does not fit keeps the rows of before: the
status of the table says so, with the place, until it is mended. With none before (the first start),
records wait for the file; with `--once` it is an error.

Write a new version beside the file and rename it: then nobody can read half of it. A file that is
written in place is read when it has not changed for `reload`, and is refused where its last row is
cut; but where the cut goes between two rows, nobody can tell.

CSV: fields in double quotes may hold delimiters and line breaks, an empty field is NULL, and
columns are found by the header, in any order; without one they are `column0`, `column1` and so on.
JSON: a row a line, or one array of rows; a field that is not there is NULL. `.gz` is
decompressed.)";
  spec.settings = {
      {.name = "path",
       .kind = Kind::path,
       .doc = "The file. A relative path is relative to the working directory of the process.",
       .required = true},
      {.name = "format",
       .kind = Kind::enumeration,
       .doc = "Left out: by the end of its name, `.csv`, `.tsv`, `.json`, `.jsonl`, `.ndjson` or "
              "`.parquet`.",
       .choices = {"csv", "json", "parquet"}},
      {.name = "header",
       .kind = Kind::boolean,
       .doc = "Of CSV: the first row names the columns.",
       .default_value = "true"},
      {.name = "delimiter",
       .kind = Kind::text,
       .doc = "Of CSV: what stands between fields. Left out: a comma, or in `.tsv` a tab."},
      {.name = "null",
       .kind = Kind::text,
       .doc = "Of CSV: a field of this text is NULL. Left out: an empty field."},
      {.name = "reload",
       .kind = Kind::duration,
       .doc = "How often the file is looked at.",
       .default_value = "1s",
       .min = 10},
      {.name = "max_rows",
       .kind = Kind::integer,
       .doc = "A file with more rows is not taken.",
       .default_value = "1000000",
       .min = 1},
      {.name = "max_size",
       .kind = Kind::bytes,
       .doc = "A file that is larger is not taken.",
       .default_value = "256MiB",
       .min = 1},
  };
  spec.example = "file: {path: data/cities.csv}\n";
  return spec;
}

}  // namespace leat::connector
