#include "connector/random_user/spec.h"

#include "connector/generated_source.h"

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
  spec.settings = generated_source_settings("Users", "10");
  spec.settings.push_back({.name = "nationalities",
                           .kind = Kind::text_list,
                           .doc = "Two-letter country codes to draw from; all 21 when left out."});
  spec.example = R"(random_user:
  rate: 100
  seed: demo
)";
  return spec;
}

}  // namespace leat::connector
