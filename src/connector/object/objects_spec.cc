#include "connector/framing_settings.h"
#include "connector/object/location.h"
#include "connector/object/spec.h"

namespace leat::connector {
namespace {

/// A record of a topic may have 16 MiB.
constexpr double record_bytes_max = 15 << 20;

std::vector<Setting> reading_settings() {
  return {
      {.name = "format",
       .kind = Kind::enumeration,
       .doc = "What the objects are: JSON lines, CSV, or Parquet. JSON lines and CSV whose names "
              "end in `.gz` or `.zst` are decompressed.",
       .required = true,
       .choices = {"json", "csv", "parquet"}},
      {.name = "match",
       .kind = Kind::text,
       .doc = "Only objects whose name matches: a pattern with `*`, `?` and `[…]` for the part "
              "behind the last `/`; one that has a `/` itself is for the whole key below `path`. "
              "Left out: all."},
      {.name = "follow",
       .kind = Kind::boolean,
       .doc = "Look again and again for new objects. Otherwise the source ends when it has read "
              "what is there.",
       .default_value = "true"},
      {.name = "every",
       .kind = Kind::duration,
       .doc = "Time between two looks. Each lists all keys below `path`; a store counts a request "
              "for every thousand.",
       .default_value = "30s",
       .min = 10},
      {.name = "age_min",
       .kind = Kind::duration,
       .doc =
           "Leave an object alone until its last-modified time is so long ago, as a file may "
           "still be written to. Left out: 5 s in a folder, 0 s in S3, where objects appear as a "
           "whole. `0s` is right for a folder into which finished files are renamed.",
       .min = 0},
      {.name = "window",
       .kind = Kind::duration,
       .doc = "How much older than the newest object that was read a new one may be, by its "
              "last-modified time. The names of so long are remembered, 4,096 at most.",
       .default_value = "24h",
       .min = 1000},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {.name = "record_bytes_max",
       .kind = Kind::bytes,
       .doc = "A longer record is cut there and goes to the dead letters.",
       .default_value = "8MiB",
       .min = 16,
       .max = record_bytes_max},
      {.name = "object_bytes_max",
       .kind = Kind::bytes,
       .doc = "Of S3: an object is copied to the data directory while it is read, one at a time. "
              "A larger one is passed over.",
       .default_value = "8GiB",
       .min = 1},
  };
}

}  // namespace

Spec objects_source_spec() {
  Spec spec;
  spec.name = "objects";
  spec.role = Role::source;
  spec.summary =
      "Parquet, JSON lines or CSV in a folder or an S3-compatible store, read once each.";
  spec.doc =
      R"(Objects below `path` are read in the order of their last-modified times, and their records
are copied to the source's topic; how far that is goes into the topic with the records. So each
object is read exactly once, whatever is killed and when.

An object is one thing: put there as a whole, and never changed. Put new data under new names. An
object that is changed after it was read is not read again, which is told. A new object may have a
last-modified time up to `window` before the newest one that was read (an upload in parts has the
time at which it began); one that is older than that is told of and not read.

A record is a line of JSON, or for CSV and Parquet a JSON object with the row's columns by their
names, so that objects may have their columns in any order, and newer ones more of them. In CSV an
empty value is null, and what JSON would write as a number is one. Folders called `column=value`
give columns to CSV and Parquet. With `header: false` a CSV record is the row as it stands, for a
stream with `format: csv`. The record's key (`$key`) is the object's, so the topic is none for
`compact: true`.

An object that can't be read for what it is (no Parquet, a damaged gzip) is passed over for good and
told of in the log, the status and the metric `leat_source_skipped_total`; records before the damage
stay. One that the store refuses to give is tried again at every look, and the others go on. While
the store does not answer, the source waits for it.

Keys of which a part begins with `_` or `.` are passed over, as Spark does. In S3 the key needs the
rights to list and read objects below `path`.)";
  spec.settings = object::location_settings();
  spec.settings.front().doc =
      "A folder (a relative path is relative to the working directory of the process), or "
      "`s3://BUCKET/PREFIX`.";
  std::vector<Setting> own = reading_settings();
  own.push_back({.name = "header",
                 .kind = Kind::boolean,
                 .doc = "Of CSV: the first row of each object names its columns.",
                 .default_value = "true"});
  for (std::vector<Setting> more : {csv_settings(), limit_settings()}) {
    own.insert(own.end(), more.begin(), more.end());
  }
  spec.settings.insert(spec.settings.begin() + 1, own.begin(), own.end());
  spec.example = R"(objects:
  path: s3://lake/exports
  format: parquet
  endpoint: ${S3:-http://127.0.0.1:9000}
  access_key: ${S3_KEY:-key}
  secret_key: ${S3_SECRET:-secret}
)";
  return spec;
}

}  // namespace leat::connector
