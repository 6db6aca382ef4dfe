#include "connector/file_sink/spec.h"

namespace leat::connector {

Spec file_sink_spec() {
  Spec spec;
  spec.name = "file";
  spec.role = Role::sink;
  spec.summary = "JSON lines or CSV on the machine's own disk.";
  spec.doc =
      R"(`path` decides between two forms. A name with an extension (`out/clicks.jsonl`) is one
file that grows. A path that ends in `/`, or has no extension (`out/clicks/`), is a directory of
files that are never changed again once they are there: `part-<position of the first row>.jsonl`.

Either only ever shows committed rows, those of one commit together. In a directory, rows become
visible when their part is full as `roll` says; until then they are in a hidden file.

A file can't take a row back. A stream, and a view that emits `on_close`, only ever add rows. Any
other view needs `changes: true` beside the connector: each line then begins with the field
`weight`, +1 for a row that is put in and -1 for one that is taken back (or another whole number for
as many equal rows), and adding the weights up gives the view.

A CSV file, and each CSV part, begins with one header line. The names in a directory rise with the
rows' positions. Others may take finished parts away; a growing file must stay as it is, or Leat
refuses to go on.)";
  spec.delivery =
      "Exactly once: rows appear with the commit that also holds the input's positions; after a "
      "crash the output is brought back to exactly the committed rows.";
  spec.rows_only_added = true;
  spec.settings = {
      {.name = "path",
       .kind = Kind::path,
       .doc = "A file (with an extension) or a directory (ending in `/`, or without an extension). "
              "Folders that are missing are made. A relative path is relative to the working "
              "directory of the process.",
       .required = true},
      {.name = "format",
       .kind = Kind::enumeration,
       .doc = "`json`: one JSON object a line. `csv`: RFC 4180 with a header line.",
       .default_value = "json",
       .choices = {"json", "csv"}},
      {.name = "if_exists",
       .kind = Kind::enumeration,
       .doc = "What a first start does when there is output already that this pipeline's data "
              "directory knows nothing of: `refuse` to start, `append` to it, or `replace` it.",
       .default_value = "refuse",
       .choices = {"refuse", "append", "replace"}},
      {.name = "roll",
       .kind = Kind::group,
       .doc = "When a part of a directory is finished: at the first commit that reaches one of "
              "these. Not used for a single file.",
       .fields = {{.name = "bytes",
                   .kind = Kind::bytes,
                   .doc = "Size of a part.",
                   .default_value = "128MiB",
                   .min = 1},
                  {.name = "every",
                   .kind = Kind::duration,
                   .doc = "Age of a part's first row.",
                   .default_value = "1m",
                   .min = 1},
                  {.name = "rows",
                   .kind = Kind::integer,
                   .doc = "Rows of a part; 0: any number.",
                   .default_value = "0",
                   .min = 0}}},
  };
  spec.example = R"(file:
  path: out/clicks.jsonl
)";
  return spec;
}

}  // namespace leat::connector
