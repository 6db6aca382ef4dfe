#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "connector/spec.h"
#include "connector/table_input.h"
#include "model/decoded_column.h"
#include "model/schema.h"
#include "operator/definition.h"
#include "sql/query.h"

namespace leat::pipeline {

/// A place in a pipeline file; line and column from 1.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

/// Settings as the file gives them, fit to be printed: references such as ${NAME} unreplaced,
/// secrets masked.
using ShownSettings = std::vector<std::pair<std::string, std::string>>;

/// Where topics are kept, when that is not in the data directory.
struct LogNode {
  Location at;
  std::string connector;  ///< name of its Spec
  connector::Settings settings;
  ShownSettings shown;
};

struct SourceNode {
  std::string name;
  Location at;
  std::string pipeline;
  std::string connector;  ///< name of its Spec
  connector::Settings settings;
  ShownSettings shown;
  std::string topic;  ///< the topic it fills or is
  bool copied =
      false;  ///< a replayable source whose records are copied to the embedded log all the same
};

struct TopicNode {
  std::string name;
  Location at;
  std::int32_t partitions = 1;
  std::optional<std::int64_t> retention_ms;     ///< whole segments older than this go
  std::optional<std::int64_t> retention_bytes;  ///< per partition
  bool compacted = false;
  std::string compression = "lz4";  ///< none | lz4 | zstd
  /// The source that *is* this topic (a replayable one that is not copied); empty: the embedded log
  /// holds it.
  std::string source;
};

enum class Refusal { quarantine, drop, warn, fail };

struct Expectation {
  std::string name;
  Location at;
  std::string that;  ///< SQL boolean over the stream's output columns; NULL counts as refused
  std::string sql;   ///< the same over __leat_input(): the boolean, then row_column
  Refusal otherwise = Refusal::quarantine;
};

struct EventTime {
  std::size_t column = 0;  ///< index in the stream's output
  std::int64_t delay_ms = 0;
  std::int64_t idle_ms = 0;       ///< a partition that is silent for this long leaves the minimum
  bool goes_on = false;           ///< with the clock, where all of them have left it
  std::int64_t max_drift_ms = 0;  ///< a partition this far ahead of the slowest waits; 0: none does
  std::int64_t max_ahead_ms = 0;  ///< an event further than this ahead of the wall clock does not
                                  ///< move the watermark; 0: no bound
  bool keeps_future = false;      ///< and goes on all the same, instead of to the dead letters
};

struct StreamNode {
  std::string name;
  Location at;
  std::string pipeline;
  std::string input;  ///< a topic or a stream
  bool from_topic = false;
  std::string format = "json";  ///< json | csv, of the topic's records
  connector::Settings format_settings;
  std::vector<DecodedColumn> columns;  ///< of a stream over a topic: what decoding yields
  std::vector<Location> columns_at;
  std::string select;   ///< as the user wrote it; empty: none
  sql::RowQuery query;  ///< over the decoded columns or the input stream; identity when the file
                        ///< has no `select`
  Schema schema;        ///< what the stream's rows look like
  std::vector<Expectation> expectations;
  std::optional<EventTime> event_time;
  std::int64_t recent_rows_max = 1000;  ///< kept in memory for SQL over the stream
};

/// A table in another system whose rows streams look up by key, or one that is kept.
struct TableNode {
  std::string name;
  Location at;
  std::string pipeline;
  std::string connector;
  connector::Settings settings;
  ShownSettings shown;
  /// It is read as a whole, and a view of its name has its rows; what follows `schema` has no
  /// meaning then.
  bool kept = false;
  Schema schema;  ///< the columns that the file names
  std::vector<std::size_t> key;
  std::size_t rows_per_key_max = 1;
  struct Cache {
    std::size_t rows_max = 0, bytes_max = 0;
    std::int64_t found_ms = 0;    ///< how long a row is taken for what the system has
    std::int64_t missing_ms = 0;  ///< and that it has none
  };
  Cache cache;
};

/// One operator: what it reads and what it makes of that.
struct ViewPart {
  std::string name;
  std::vector<std::string> inputs;  ///< streams, views, and parts of the same view
  op::ViewDefinition definition;
  Schema schema;
  /// How far behind the watermark of its streams the event time of its input may be.
  std::int64_t behind_us = 0;
};

struct ViewNode : ViewPart {
  Location at;
  std::string pipeline;
  /// What a query with joins, subqueries and the like is computed by first, each reading those
  /// before it. Nobody sees them; their names are the view's with a number: `orders#1`.
  std::vector<ViewPart> parts;
  std::vector<std::string> reads;  ///< the streams and views that it says it reads
  std::string query;               ///< as the user wrote it; empty: the newest row per key
  std::vector<std::size_t>
      key;                   ///< columns that identify a row; empty: one row, or no such columns
  bool one_row = false;      ///< at most; without a key
  bool append_only = false;  ///< rows only ever come, none is taken back
  bool of_table = false;     ///< it has the rows of a table that is kept, and no inputs

  /// Its rows can be asked for, not only followed.
  bool kept() const {
    const auto* select = std::get_if<op::SelectView>(&definition);
    return select == nullptr || select->kept;
  }
};

struct SinkNode {
  std::string name;
  Location at;
  std::string pipeline;
  std::string from;  ///< stream or view
  std::string connector;
  connector::Settings settings;
  ShownSettings shown;
  bool changes = false;     ///< write the weight with each row
  bool from_topic = false;  ///< `from` is a topic: its records as they are
  /// What is written to, in words that differ where it is another; may hold secrets.
  std::string target;
};

struct PanelNode {
  std::string id;  ///< unique in the server, from the title
  Location at;
  std::string pipeline;
  std::string title;
  std::string kind;  ///< stat | pie | bar | line | table
  std::string sql;
  std::vector<std::string> inputs;  ///< views and streams that the SQL reads
};

/// What a test puts in at one point, or does with the time.
struct TestGiven {
  enum class Kind { records, rows, table_rows, advance, end };
  Kind kind = Kind::records;
  Location at;
  std::string name;  ///< the topic, stream or table
  std::int32_t partition = 0;
  std::optional<std::string> key;        ///< of every record
  std::optional<TimestampMs> timestamp;  ///< of every record; nothing: what the clock says
  /// A record's bytes (nothing: a tombstone) or a row as a JSON object.
  std::vector<std::optional<std::string>> records;
  std::optional<std::string> text;  ///< records as a file has them, in place of `records`
  std::int64_t advance_ms = 0;
};

/// A row that a test expects: what is named of it is compared.
struct TestRow {
  Location at;
  std::string json;                  ///< an object
  std::vector<std::size_t> columns;  ///< that it names
};

/// A dead letter that a test expects: members of its JSON that are equal, and that hold a text.
struct TestLetter {
  Location at;
  std::vector<std::pair<std::string, std::string>> equal;
  std::vector<std::pair<std::string, std::string>> holds;
};

struct TestExpectation {
  enum class Kind { rows, dead_letters, failure };
  Kind kind = Kind::rows;
  Location at;
  std::string name;                 ///< the stream or view
  std::vector<TestRow> rows;        ///< in any order
  std::vector<TestLetter> letters;  ///< in any order
  std::string failure;              ///< a part of why the pipeline stops
  bool others = false;              ///< there may be more rows or letters
  std::optional<double> tolerance;  ///< of floating point numbers, absolute; nothing: rounding
};

/// A SQL function of the user's own. Queries in the graph have it written out.
struct MacroNode {
  std::string name;
  Location at;
  std::string text;  ///< what stands behind CREATE MACRO and the name
};

/// A unit test of the pipeline. Only `leat test` looks at it.
struct TestNode {
  std::string name;
  Location at;
  std::string pipeline;
  std::optional<TimestampMs> now;  ///< what the clock says at first
  struct Step {
    std::vector<TestGiven> given;
    std::vector<TestExpectation> expect;
  };
  std::vector<Step> steps;
  std::set<std::string> relations;  ///< topics, tables, streams and views that it runs
};

struct Graph;
/// What the connector of a table is told of it.
connector::TableInput table_input_of(const TableNode& table);
/// What a sink reads: columns, and which of them identify a row.
connector::SinkInput sink_input_of(const Graph& graph, const SinkNode& sink);
/// Whether all rows of this stream or view can be had at any time: not those of a stream.
bool keeps_rows(const Graph& graph, std::string_view name);

/// Everything that a server runs: one or more checked pipeline files, names shared. Pure data;
/// nodes stand in an order in which each comes after its inputs.
struct Graph {
  std::vector<std::string> pipelines;
  std::optional<LogNode> log;  ///< nothing: the embedded log
  std::vector<SourceNode> sources;
  std::vector<TopicNode> topics;
  std::vector<TableNode> tables;
  std::vector<StreamNode> streams;
  std::vector<ViewNode> views;
  std::vector<SinkNode> sinks;
  std::vector<SinkNode> sinks_at_rest;  ///< that do not run: what they have written can be read
  std::vector<PanelNode> panels;
  std::vector<MacroNode> macros;  ///< each may call those before it
  std::vector<TestNode> tests;
};

}  // namespace leat::pipeline
