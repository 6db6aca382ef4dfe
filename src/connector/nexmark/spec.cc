#include "connector/nexmark/spec.h"

#include "connector/generated_source.h"

namespace leat::connector {

Spec nexmark_source_spec() {
  Spec spec;
  spec.name = "nexmark";
  spec.role = Role::source;
  spec.summary = "The people, auctions and bids of the Nexmark benchmark, made on the spot.";
  spec.doc =
      R"(Each record is one event of an auction house, as the benchmark's generator makes them: of
50 in a row the first is a person, the next three are auctions, the other 46 are bids. They differ
in `event_type`, and in the object that they hold:

| `event_type` | object | its fields |
|---|---|---|
| 0 | `person` | `id`, `name`, `emailAddress`, `creditCard`, `city`, `state` |
| 1 | `auction` | `id`, `itemName`, `description`, `initialBid`, `reserve`, `expires`, `seller`, … |
| 2 | `bid` | `auction`, `bidder`, `price`, `channel`, `url` |

An auction has a `category`, too, and all have `dateTime` and `extra`, letters that bring each to
its size. Times are in epoch milliseconds (a column takes them with `unit: ms`). A stream of one
kind reads its fields as `at: /bid/price`, and selects `WHERE event_type = 2`.

Event number *i* of a seed is always the same, so that the source can be read again from any
position: nothing is copied to the log, and after a crash reading goes on at the committed position.
Values are distributed as in the original, odd ends included: bidders begin at 2000, as it adds the
first id twice. It has no seed, so no two of its runs agree, and none with ours.)";
  spec.settings = generated_source_settings("Events", "1000");
  spec.settings.push_back(
      {.name = "events_per_second",
       .kind = Kind::number,
       .doc = "Events in a second of event time, whatever the `rate` at which they come. The "
              "benchmark's default is 10,000,000, with which windows of seconds hardly ever close.",
       .default_value = "100000",
       .min = 0.001,
       .max = 1e9});
  spec.settings.push_back({.name = "first_event",
                           .kind = Kind::text,
                           .doc = "Event time of the first event, in ISO 8601.",
                           .default_value = "2026-01-01T00:00:00Z"});
  spec.settings.push_back(
      {.name = "records",
       .kind = Kind::enumeration,
       .doc = "`json`: what stands above. `columns`: a record is the event's number alone, and "
              "streams over the topic make the columns that they read from it, under the same "
              "names, without text in between; whoever else reads the topic sees numbers.",
       .default_value = "json",
       .choices = {"json", "columns"}});
  spec.example = R"(nexmark:
  rate: 10000
  events_per_second: 10000
)";
  return spec;
}

}  // namespace leat::connector
