#include "pipeline/view_grammar.h"

namespace leat::pipeline {
namespace {

std::vector<Key> newest_row_keys() {
  return {{"from", Form::reference, "The stream whose newest row per key is kept."},
          {"key", Form::names,
           "The column, or list of columns, that identifies a row. Of a query they are known where "
           "it says them itself (groups, the ranks of a top-N, DISTINCT ON, joins of such); else "
           "name them where a sink needs them, and two rows with the same key stop the pipeline."},
          {"version", Form::reference,
           "The column by which a row is newer than another; an equal one replaces. Left out: the "
           "row "
           "that arrived last."},
          {"deletes", Form::expression,
           "A boolean over the columns: a row for which it is true removes its key."}};
}

std::vector<Key> query_keys() {
  return {
      {"query", Form::sql,
       "A SELECT … [WHERE] GROUP BY … [HAVING] over one stream or view, or over its "
       "[windows](windows.md), as in `tumble(stream, time_column, INTERVAL '1 hour')`, which "
       "adds "
       "window_start and window_end."},
      {"emit",
       Form::choice_or_section,
       "When rows of a query leave it. `on_update`: whenever they change. `on_close`: once, when "
       "their window has closed, or of window functions that are ordered by event time first when "
       "nothing that the row goes by can come any more; rows that come later are late. `{early: "
       "1s}`: what they come to so far, at most this often, and at last when their window has "
       "closed.",
       false,
       "on_update",
       {"on_update", "on_close"},
       {},
       {},
       "view.emit"},
      {"retain", Form::duration,
       "Windows that ended longer ago than this in event time are forgotten, and rows for them "
       "are late. Of window functions that emit on close: rows whose event time is longer ago. "
       "Left out: kept for ever."},
      {"late",
       Form::choice,
       "What becomes of a row whose window has been given out or forgotten. `dead_letters`: it "
       "goes there, with its reason. `drop`: it is only counted. `update`: for as long as "
       "`allowed_lateness` says it still changes the window that `emit: on_close` gave out (the "
       "old row is taken back, the new one put in), and after that it goes to the dead letters.",
       false,
       "dead_letters",
       {"dead_letters", "drop", "update"}},
      {"allowed_lateness", Form::duration,
       "With `late: update`: how long after its end, in event time, a window takes rows."},
      {"keep", Form::boolean,
       "`false`: the rows of a query that gives them one by one, such as a join or window "
       "functions that emit on close, are not kept. "
       "They go to its sinks, followers and the views over it, and can't be asked for, neither "
       "with SQL nor by a panel or a stream's join. A sink that is added later gets those from "
       "then on.",
       false, "true"}};
}

std::vector<Key> view_keys() {
  std::vector<Key> keys = newest_row_keys();
  for (const Key& key : query_keys()) keys.push_back(key);
  keys.push_back(
      {"ttl",
       Form::duration_or_section,
       "A key, or a group of rows that only come, that nothing has touched for this long "
       "leaves the view and its state; when it comes again it begins anew. A duration "
       "alone is by the clock. Left out: kept for ever. Windows have `retain`.",
       false,
       {},
       {},
       1,
       {},
       "view.ttl"});
  return keys;
}

}  // namespace

std::vector<Section> view_sections() {
  return {
      {"view", "views.NAME",
       "Either the newest row per key of a stream (`from` and `key`), or an aggregate (`query`). "
       "Views of views are kept by the same rules: an aggregate over a view takes an old row back "
       "when it changes.",
       view_keys(), std::nullopt,
       "views:\n"
       "  customers: {from: customer_changes, key: id, version: changed_at, deletes: deleted}\n"
       "  orders_per_hour:\n"
       "    query: |\n"
       "      SELECT window_start, country, count(*) AS orders\n"
       "      FROM tumble(orders, ordered_at, INTERVAL '1 hour') GROUP BY window_start, country\n"
       "    emit: on_close\n"
       "    retain: 7d\n"
       "  delivered_orders:\n"
       "    query: |\n"
       "      SELECT orders.*, deliveries.delivered_at FROM orders JOIN deliveries\n"
       "      ON orders.id = deliveries.order_id AND\n"
       "         deliveries.delivered_at BETWEEN ordered_at AND ordered_at + INTERVAL '7 days'\n"
       "    keep: false\n"},
      {"view.emit",
       "views.NAME.emit",
       "What windows come to so far, before they close. Rows that come when their window has "
       "closed "
       "are late, as with `on_close`.",
       {{"early",
         Form::duration,
         "Changes leave the view so long after those before, by the clock; those of a window that "
         "has closed leave at once.",
         true,
         {},
         {},
         1}},
       std::nullopt,
       "views:\n"
       "  orders_per_hour:\n"
       "    query: |\n"
       "      SELECT window_start, count(*) AS orders\n"
       "      FROM tumble(orders, ordered_at, INTERVAL '1 hour') GROUP BY window_start\n"
       "    emit: {early: 1s}\n"},
      {"view.ttl",
       "views.NAME.ttl",
       "By one of two clocks. A row that leaves is taken back from sinks, followers and the views "
       "above.",
       {{"event_time",
         Form::duration,
         "By the event time of the stream that the view reads: the group's newest row is this far "
         "behind the watermark. The same rows give the same view again. Of a JOIN of streams "
         "without a time bound in ON: rows further apart don't match, as if ON said so. Of an "
         "ASOF JOIN of streams: a row that is so far away is no match, and with `<=` a row leaves "
         "once, when its match is certain. Of window functions that emit on close: rows don't look "
         "over so long a time without one of their partition, and running totals begin anew behind "
         "it.",
         false,
         {},
         {},
         1},
        {"processing_time",
         Form::duration,
         "By the clock: no row has come for this long.",
         false,
         {},
         {},
         1}},
       std::nullopt,
       "views:\n"
       "  sessions: {from: clicks, key: session, ttl: {event_time: 1d}}\n"}};
}

}  // namespace leat::pipeline
