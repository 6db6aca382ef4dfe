#include "connector/blackhole/spec.h"

namespace leat::connector {

Spec blackhole_sink_spec() {
  Spec spec;
  spec.name = "blackhole";
  spec.role = Role::sink;
  spec.summary = "Rows are counted and thrown away.";
  spec.doc =
      R"(It is there to measure a query, or to see that it runs, before there is a place for its
rows: with `keep: false` in the view, all of the query is computed and nothing of its result is
stored. How many changes it took stands with the other sinks' figures.)";
  spec.delivery = "Exactly once: what is counted is committed with the input's positions.";
  spec.needs_no_key = true;
  spec.example = "blackhole: {}\n";
  return spec;
}

}  // namespace leat::connector
