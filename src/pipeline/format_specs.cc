#include "pipeline/format_specs.h"

namespace leat::pipeline {
namespace {

using connector::Kind;
using connector::Role;
using connector::Spec;

Spec json_spec() {
  Spec spec;
  spec.name = "json";
  spec.role = Role::format;
  spec.summary = "One JSON value a record; columns are found by JSON pointers.";
  spec.doc =
      R"(A column's `at` is a JSON pointer (RFC 6901); left out, it is the field of the column's
name. `at: ""` is the whole record.

- A missing value and null are NULL, or the column's `default`; `required` refuses the record.
- Text columns take numbers and booleans as they are written, and objects and lists as JSON.
- Whole numbers take `1.0` for 1, never 1.5. `numbers_from_text` also takes "42".
- Dates and times are ISO 8601 text; with `unit` (s, ms, us, ns) numbers counted from 1970.
- Of a key that stands twice in an object the last one counts.
- A column of type `json` keeps the value's text; lists, structs and maps may be nested.

What no column reads is passed over: of that only UTF-8, the ends of strings and the pairs of
brackets are checked. `{"a": 1, "b": tru}` gives its `a` to a stream that reads no `b`, and is
refused by one that does.

A record that is not well-formed, or nested more than 1,024 deep, goes to the dead letters with its
reason; so does one whose value does not fit its column.)";
  spec.example = R"(json: {}
)";
  return spec;
}

Spec csv_spec() {
  Spec spec;
  spec.name = "csv";
  spec.role = Role::format;
  spec.summary = "One CSV row a record (RFC 4180); columns are found by name in the header.";
  spec.doc = R"(A column's `field` is its name in the header; left out, it is the column's own name.
The header is the first line of a file, or `header` here where the records come without one (pushes,
files without a header line). Values are read as the column's type says, as in JSON; the empty text
is NULL unless `null` says otherwise.)";
  spec.settings = {
      {.name = "delimiter",
       .kind = Kind::text,
       .doc = "One character between values.",
       .default_value = ","},
      {.name = "quote",
       .kind = Kind::text,
       .doc =
           "One character around values that hold a delimiter, a line break or itself (doubled).",
       .default_value = "\""},
      {.name = "header",
       .kind = Kind::text_list,
       .doc = "The names of the values of a record, in order. Left out: the source's first line."},
      {.name = "null",
       .kind = Kind::text,
       .doc = "This text stands for NULL. Left out: the empty text."},
  };
  spec.example = R"(csv:
  delimiter: ";"
)";
  return spec;
}

}  // namespace

std::vector<connector::Spec> format_specs() { return {json_spec(), csv_spec()}; }

}  // namespace leat::pipeline
