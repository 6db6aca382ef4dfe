#include "pipeline/grammar.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/test_grammar.h"
#include "pipeline/view_grammar.h"

namespace leat::pipeline {
namespace {

std::vector<Key> file_keys() {
  return {
      {"pipeline", Form::name, "The pipeline's name, unique in a server.", true},
      {"log",
       Form::section,
       "Where topics are kept. Left out: in the data directory. It is one for all files of a "
       "server.",
       false,
       {},
       {},
       {},
       {},
       "log"},
      {"macros", Form::types,
       "SQL functions of your own, by name: parameters and an expression, as `net: (gross, rate := "
       "0.19) AS gross / (1 + rate)`, or a query, as `large: (least) AS TABLE SELECT * FROM orders "
       "WHERE amount >= least`. All SQL of the server may call them; each may call those before "
       "it."},
      {"sources", Form::named, "Where records come from.", false, {}, {}, {}, {}, "source"},
      {"topics",
       Form::named,
       "Topics that are filled by pushes alone (`POST /v1/topics/NAME/records`) and their "
       "settings. An entry may be empty. A topic that a source fills has its settings at the "
       "source.",
       false,
       {},
       {},
       {},
       {},
       "topic"},
      {"tables",
       Form::named,
       "Tables to join with: reference data in files, and tables in other systems.",
       false,
       {},
       {},
       {},
       {},
       "table"},
      {"streams",
       Form::named,
       "Typed rows, made from a topic's records or another stream.",
       false,
       {},
       {},
       {},
       {},
       "stream"},
      {"views",
       Form::named,
       "Current rows per key, kept up to date as rows arrive.",
       false,
       {},
       {},
       {},
       {},
       "view"},
      {"sinks", Form::named, "Where rows go.", false, {}, {}, {}, {}, "sink"},
      {.name = "dashboard",
       .form = Form::sequence,
       .doc = "The panels of the pipeline's page, in order.",
       .section = "panel"},
      {.name = "tests",
       .form = Form::sequence,
       .doc = "Unit tests, run by `leat test`; nothing else looks at them but to check them.",
       .section = "test"},
  };
}

Section file_section() {
  return {
      "file",
      "The file",
      "A pipeline is one YAML file. A server runs one file or a folder of them; streams, views and "
      "topics share one set of names across all its files, so that one pipeline can read another's "
      "streams. In every text, `${NAME}` stands for an environment variable, `${NAME:-default}` "
      "for "
      "the same with a default for when it is unset or empty, `${file:PATH}` for a file's content "
      "without the newline at its end, and `$$` for a dollar sign. Keep secrets out of the file by "
      "these: their values are never printed.",
      file_keys(),
      std::nullopt,
      "pipeline: visits\n"
      "topics:\n"
      "  page_views: {}\n"
      "streams:\n"
      "  visits:\n"
      "    from: page_views\n"
      "    columns: {page: text, country: text}\n"
      "views:\n"
      "  visits_by_page:\n"
      "    query: SELECT page, count(*) AS visits FROM visits GROUP BY page\n"
      "dashboard:\n"
      "  - {title: Visits, bar: \"SELECT page, visits FROM visits_by_page\"}\n"};
}

std::vector<Key> topic_keys() {
  return {
      {"partitions",
       Form::integer,
       "Into how many independently ordered parts the records are divided, by their keys or by "
       "turns. Records of one partition keep their order.",
       false,
       "1",
       {},
       1,
       1024},
      {"retention",
       Form::section,
       "How long records are kept. Left out: for ever. Views keep what they have counted.",
       false,
       {},
       {},
       {},
       {},
       "retention"},
      {"compact", Form::boolean, "Keep only the newest record of each key.", false, "false"},
      {"compression",
       Form::choice,
       "How records are compressed on disk.",
       false,
       "lz4",
       {"none", "lz4", "zstd"}},
  };
}

std::vector<Section> log_sections() {
  return {{"log",
           "log",
           "The system that keeps the pipeline's topics, by its name (see [logs](logs.md)): those "
           "that sources fill and pushes go to, and the dead letters. State, positions and what "
           "waits for sinks are in the data directory all the same.",
           {},
           connector::Role::log,
           "log:\n"
           "  kafka: {brokers: [\"${KAFKA:-127.0.0.1:9092}\"], topic_prefix: leat.}\n"}};
}

std::vector<Section> source_sections() {
  std::vector<Key> inline_keys = topic_keys();
  inline_keys.insert(inline_keys.begin(),
                     {"name", Form::name, "The topic's name. Left out: the source's name."});
  inline_keys.push_back({"copy", Form::boolean,
                         "Copy the records of a source that can be read again (a file) into the "
                         "topic all the same. Without it such a source is its topic: nothing "
                         "is stored twice, and the other keys here have no meaning.",
                         false, "false"});
  return {
      {"source",
       "sources.NAME",
       "A source has one connector, by its name (see [sources](sources.md)), and fills one topic.",
       {{"topic",
         Form::name_or_section,
         "The topic that every record goes to as received: its name, or its name and settings. "
         "Left "
         "out: a topic of the source's name.",
         false,
         {},
         {},
         {},
         {},
         "source.topic"}},
       connector::Role::source,
       "sources:\n"
       "  random_user:\n"
       "    http:\n"
       "      url: ${RANDOM_USER_URL:-http://127.0.0.1:8099/api/?results=100}\n"
       "      every: 1s\n"
       "      records: /results\n"
       "    topic: {name: user_events, partitions: 2, retention: {time: 7d}}\n"},
      {"source.topic", "sources.NAME.topic", "A topic's name and settings.", inline_keys},
      {"topic", "topics.NAME", "A topic that is only pushed to.", topic_keys(), std::nullopt,
       "topics:\n"
       "  readings: {partitions: 4, retention: {time: 30d, size: 10GiB}}\n"},
      {"retention",
       "retention",
       "A record goes when either bound says so, a segment at a time.",
       {{"time", Form::duration, "Records older than this go."},
        {"size",
         Form::bytes,
         "The oldest records go when a partition is larger than this.",
         false,
         {},
         {},
         1024 * 1024}}},
  };
}

std::vector<Section> table_sections() {
  return {
      {"table",
       "tables.NAME",
       "A table to join with; it has one connector, by its name (see [tables](tables.md)).\n\n"
       "A table in a `file` is reference data that is kept as a whole: queries of views and panels "
       "read it like a view, and it changes when the file does.\n\n"
       "A table in another system is looked up by streams that join with it in their `select`. "
       "`JOIN`, `LEFT JOIN`, `SEMI JOIN` and `ANTI JOIN` are looked up: `ON` must say what each "
       "column of the key is, by an equality with a value of the stream's own row, and may say "
       "more; of a table that is kept, and of a view, any columns will do. A query may join with "
       "several.\n\n"
       "A row is joined with what the table has when the row is taken in, or had up to the time "
       "that the cache keeps it before. The keys that many rows need are asked at once. While the "
       "table's system is away, what is to be joined with it waits, and with it all that the "
       "server takes in: nothing is lost, no row is refused for it, and topics take records as "
       "ever.",
       {{"columns", Form::types,
         "The columns that queries use, and their types: compared with the real table at the start "
         "and by `leat check --connect`. Of a `file` they may be left out: they are then what the "
         "file says."},
        {"key", Form::names,
         "The column, or list of columns, that says which row is meant: the table's primary key. "
         "Needed where the table is in another system."},
        {"rows_per_key",
         Form::integer,
         "Rows that one key may have, where the key is a part of the table's own. A row of the "
         "stream that finds more goes to the dead letters.",
         false,
         "100",
         {},
         1,
         10'000},
        {"cache",
         Form::section,
         "What is kept of what was looked up.",
         false,
         {},
         {},
         {},
         {},
         "table.cache"}},
       connector::Role::table,
       "tables:\n"
       "  cities: {file: {path: data/cities.csv}, columns: {zip: text, city: text}}\n"
       "  countries:\n"
       "    cassandra: {hosts: [cassandra.example.com], table: reference.countries}\n"
       "    columns: {code: text, continent: text}\n"
       "    key: code\n"
       "    cache: {for: 5m}\n"},
      {"table.cache",
       "tables.NAME.cache",
       "The longest unused rows go first. A row that changes in the table is seen when the time is "
       "over.",
       {{"for", Form::duration, "How long a row that was found is used. 0s: for one round alone.",
         false, "5m"},
        {"missing_for", Form::duration, "How long it counts that there was none.", false, "30s"},
        {"rows",
         Form::integer,
         "Rows that are kept at most; a key without one counts, too.",
         false,
         "100000",
         {},
         0},
        {"size", Form::bytes, "Memory that they take at most.", false, "64MiB", {}, 0}}},
  };
}

std::vector<Key> stream_keys() {
  return {
      {"from", Form::reference, "The topic or stream that it reads.", true},
      {"format", Form::format,
       "What the topic's records are (see [formats](formats.md)): a name, or a name and its "
       "settings, as in `{csv: {delimiter: \";\"}}`. Only over a topic.",
       false, "json"},
      {"columns",
       Form::named,
       "The typed columns of a topic's records, in order; other fields are not read. A stream over "
       "a topic must have them, a stream over a stream must not.",
       false,
       {},
       {},
       {},
       {},
       "column"},
      {"select", Form::sql,
       "A SELECT over the columns, of each row alone: expressions, WHERE, UNNEST, and joins with "
       "`tables:` and views as of now, as in `SELECT o.*, c.name FROM orders o LEFT JOIN customers "
       "c ON c.id = "
       "o.customer`. Without FROM it reads `from`. Left out: the columns as they are.",
       false},
      {"event_time",
       Form::section,
       "Which column says when a row's event happened. Windows that close need it.",
       false,
       {},
       {},
       {},
       {},
       "event_time"},
      {"expect",
       Form::named,
       "Rules that every row must meet, by name.",
       false,
       {},
       {},
       {},
       {},
       "expectation"},
      {"recent_rows",
       Form::integer,
       "How many of the newest rows are kept in memory, for SQL over the stream.",
       false,
       "1000",
       {},
       0,
       1'000'000},
  };
}

std::vector<Key> column_keys() {
  return {
      {"type", Form::type,
       "A SQL type: `text`, `integer`, `bigint`, `double`, `decimal(10,2)`, `boolean`, `uuid`, "
       "`date`, `time`, `timestamp`, `timestamptz`, `json`, a list as `text[]`, "
       "`struct(a integer, b text)`, `map(text, double)`.",
       true},
      {"at", Form::pointer,
       "JSON pointer to the value (RFC 6901); `\"\"` is the whole record. Left out: the field of "
       "the column's name."},
      {"field", Form::text,
       "Column name in a CSV file; or of any record one of `$key`, `$timestamp`, `$offset`, "
       "`$partition`, `$topic`, `$value`, `$headers`, `$tombstone`: a boolean, true for a record "
       "without a value (a delete), whose other columns are then NULL; without this column such "
       "records go to the dead letters."},
      {"required", Form::boolean,
       "A record without a value goes to the dead letters. Without it the value is NULL.", false,
       "false"},
      {"default", Form::any, "The value that is taken where there is none, or null."},
      {"numbers_from_text", Form::boolean, "Take a number that is given as text: \"42\" for 42.",
       false, "false"},
      {"unit",
       Form::choice,
       "What a date or time that is given as a number counts, from 1970. Left out: ISO 8601 text.",
       false,
       {},
       {"s", "ms", "us", "ns"}},
      {"pii", Form::text,
       "This is personal data of this kind (`name`, `email`, `phone`, …): a label that the page "
       "and "
       "the API show."},
  };
}

std::vector<Key> event_time_keys() {
  return {
      {"column", Form::reference, "A TIMESTAMP or TIMESTAMPTZ column of the stream's rows.", true},
      {"delay", Form::duration, "How much later than others a row may come.", false, "0s"},
      {"idle_after", Form::duration,
       "A partition that is silent for this long, with nothing left to read, no longer holds the "
       "watermark back. 0s: it holds it for ever.",
       false, "30s"},
      {"when_idle",
       Form::choice,
       "What event time does when all partitions are idle. `stand_still`: it waits for the next "
       "row. `go_on`: it goes on with the clock, so that windows close with no input, in steps "
       "of `idle_after` at first, later of an eighth of the silence. Rows that come then and "
       "are older are late: it is for rows that come as they happen, not for batches.",
       false,
       "stand_still",
       {"stand_still", "go_on"}},
      {"max_drift",
       Form::duration,
       "A partition of the stream's topic (a file, where the source is files) that is further "
       "ahead in event time than the slowest of all streams with event time that views read "
       "together with this one is not read until the others have come up, so that state stays "
       "small while a backlog is read. A silent one holds the others up until `idle_after`. "
       "Left out: the furthest behind is read first, none waits. No row is late for want of it.",
       false,
       {},
       {},
       1},
      {"max_ahead", Form::duration,
       "How far ahead of the clock a row may claim to be. One that claims more never moves the "
       "watermark, and counts as `future`. 0s: no bound.",
       false, "1h"},
      {"ahead",
       Form::choice,
       "What becomes of a row that claims to be further ahead. `dead_letters`: it is refused, "
       "with its reason. `keep`: it goes on like any other.",
       false,
       "dead_letters",
       {"dead_letters", "keep"}}};
}

std::vector<Section> stream_sections() {
  return {
      {"stream", "streams.NAME",
       "Rows that only ever are added. A record that can't be decoded, a row that makes the SQL "
       "fail "
       "and a row that an expectation refuses go to the dead letters with their reason; the others "
       "pass unharmed.",
       stream_keys(), std::nullopt,
       "streams:\n"
       "  orders:\n"
       "    from: order_events\n"
       "    columns:\n"
       "      id: {at: /order/id, type: uuid, required: true}\n"
       "      amount: {at: /order/amount, type: \"decimal(10,2)\", default: 0}\n"
       "      ordered_at: timestamp\n"
       "    select: SELECT *, amount * 0.19 AS tax WHERE amount >= 0\n"
       "    event_time: {column: ordered_at, delay: 10s}\n"
       "    expect:\n"
       "      has_amount: {that: amount > 0, else: quarantine}\n"},
      {"column", "streams.NAME.columns.NAME",
       "A column is its type alone (`age: integer`: the field of the column's name), or a mapping.",
       column_keys()},
      {"event_time", "streams.NAME.event_time",
       "The watermark is how far event time has come: the newest time seen less the delay, the "
       "least "
       "over all partitions. A window closes when the watermark passes its end.",
       event_time_keys()},
      {"expectation",
       "streams.NAME.expect.NAME",
       "",
       {{"that", Form::expression,
         "A boolean over the stream's columns. A row for which it is not true is refused.", true},
        {"else",
         Form::choice,
         "What becomes of a refused row. `quarantine`: to the dead letters. `drop`: only counted. "
         "`warn`: counted and kept. `fail`: the pipeline stops.",
         false,
         "quarantine",
         {"quarantine", "drop", "warn", "fail"}}}},
  };
}

std::vector<Section> output_sections() {
  return {
      {"sink",
       "sinks.NAME",
       "A sink has one connector, by its name (see [sinks](sinks.md)).",
       {{"from", Form::reference, "The stream or view that is written.", true},
        {"changes", Form::boolean,
         "Write every change with its weight: +1 for a row that came, -1 for a row that went. A "
         "view whose rows change needs it, unless the connector keeps the newest row per key.",
         false, "false"}},
       connector::Role::sink,
       "sinks:\n"
       "  orders: {from: orders, file: {path: out/orders.jsonl}}\n"},
      {"panel",
       "dashboard",
       "A title and exactly one of `stat`, `pie`, `bar`, `line` and `table`, each a SELECT over "
       "views and streams that is asked again when they change.",
       {{"title", Form::text, "What stands above the panel.", true},
        {"stat", Form::sql, "One number, large: the first column of the first row."},
        {"pie", Form::sql, "Parts of a whole: a label and a number."},
        {"bar", Form::sql, "Bars: a label and a number."},
        {"line", Form::sql, "A line for each further column over the first one."},
        {"table", Form::sql, "The rows as they are."}},
       std::nullopt,
       "dashboard:\n"
       "  - {title: Orders, stat: SELECT sum(orders) FROM orders_per_hour}\n"},
  };
}

std::vector<Section> all_sections() {
  std::vector<Section> sections = {file_section()};
  for (auto part : {log_sections(), source_sections(), table_sections(), stream_sections(),
                    view_sections(), output_sections(), test_sections()}) {
    for (auto& section : part) sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace

const Key* Section::find(std::string_view key) const {
  const auto found = std::ranges::find(keys, key, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

std::span<const Section> grammar() {
  static const std::vector<Section> sections = all_sections();
  return sections;
}

const Section& section(std::string_view name) {
  const auto sections = grammar();
  const auto found = std::ranges::find(sections, name, &Section::name);
  LEAT_CHECK(found != sections.end());
  return *found;
}

}  // namespace leat::pipeline
