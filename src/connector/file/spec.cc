#include "connector/file/spec.h"

#include "connector/framing_settings.h"

namespace leat::connector {

Spec file_source_spec() {
  Spec spec;
  spec.name = "file";
  spec.role = Role::source;
  spec.summary =
      "JSON lines or CSV files: one, or all that match a pattern; read once or followed.";
  spec.doc =
      R"(Files are read in place: nothing is copied to the log, and after a crash reading goes
on at the committed byte of each. A file must therefore keep its name and its bytes; appending to it
is all right.

The records of a line are the bytes between line breaks (LF or CRLF); empty lines are none. With
`framing: csv` a line break inside quotes belongs to its row. A last line without a line break is a
record when the file is not followed; a followed file's waits for its line break. A record's
timestamp is the time at which it was read.

Names that end in `.gz` or `.zst` are decompressed on the way; they can't be followed.

A followed file that was cut or replaced is an error (`position-lost`), never a silent gap. Logs
that are rotated are best given names that are not used again, such as the day, and read by a
pattern: files that appear later are found by themselves.)";
  spec.settings = {
      {.name = "path",
       .kind = Kind::path,
       .doc =
           "A file, or a pattern with `*`, `?` or `[…]` in any part of the path. A relative path "
           "is relative to the working directory of the process. A file that is missing is an "
           "error; a pattern may match nothing.",
       .required = true},
      {.name = "follow",
       .kind = Kind::boolean,
       .doc = "Keep reading what is appended, and with a pattern the files that appear. Otherwise "
              "each file ends where it ends.",
       .default_value = "false"},
      {.name = "framing",
       .kind = Kind::enumeration,
       .doc = "What a record is: a line, or a CSV row, which may hold line breaks in quotes.",
       .default_value = "lines",
       .choices = {"lines", "csv"}},
      {.name = "header",
       .kind = Kind::boolean,
       .doc = "Of CSV: the first row of each file names the columns and is no record. All files of "
              "the source must have the same one.",
       .default_value = "true"},
      {.name = "record_bytes_max",
       .kind = Kind::bytes,
       .doc = "A longer record is cut there and goes to the dead letters; reading goes on behind "
              "its line break.",
       .default_value = "16MiB",
       .min = 16,
       .max = 1 << 30},
  };
  std::vector<Setting> csv = csv_settings();
  spec.settings.insert(spec.settings.end() - 1, csv.begin(), csv.end());
  spec.example = R"(file:
  path: logs/clicks-*.csv
  framing: csv
  follow: true
)";
  return spec;
}

}  // namespace leat::connector
