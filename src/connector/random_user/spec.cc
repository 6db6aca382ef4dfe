#include "connector/random_user/spec.h"

namespace leat::connector {

Spec random_user_spec() {
  Spec spec;
  spec.name = "random_user";
  spec.role = Role::source;
  spec.summary = "Random users, made on the spot: for trying things out and for benchmarks.";
  spec.doc = R"(Each record is one user as the public random-user API describes it: name, address,
login, dates, phones and picture addresses of 21 nationalities, in their own scripts.

User number *i* of a seed is always the same, so that the source can be read again from any
position: nothing is copied to the log, and after a crash reading goes on at the committed position.
With several partitions, partition *p* of *n* holds users *p*, *p + n*, *p + 2n*, …

All data are invented. E-mail addresses are in domains reserved for examples, and the fields `md5`,
`sha1` and `sha256` only have the shape of digests.)";
  spec.settings = {
      {.name = "rate",
       .kind = Kind::number,
       .doc = "Users a second, of all partitions together; 0 makes them as fast as they are taken. "
              "When reading falls behind, the users that are due are made up for.",
       .default_value = "10",
       .min = 0,
       .max = 1e9},
      {.name = "count",
       .kind = Kind::integer,
       .doc = "Ends after this many users; 0 never ends.",
       .default_value = "0",
       .min = 0},
      {.name = "seed",
       .kind = Kind::text,
       .doc = "Any text; the same seed gives the same users.",
       .default_value = "leat"},
      {.name = "partitions",
       .kind = Kind::integer,
       .doc = "Independently made parts, which are read in parallel. Keep it the same for as long "
              "as the pipeline's data is kept: positions are per partition.",
       .default_value = "1",
       .min = 1,
       .max = 1024},
      {.name = "nationalities",
       .kind = Kind::text_list,
       .doc = "Two-letter country codes to draw from; all 21 when left out."},
  };
  spec.example = R"(random_user:
  rate: 100
  seed: demo
)";
  return spec;
}

}  // namespace leat::connector
