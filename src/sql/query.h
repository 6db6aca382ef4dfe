#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/schema.h"

namespace leat::sql {

/// Names of the table function that a program reads its input from, and of the columns that Leat
/// adds to it. No user's name may begin with `__leat_`.
inline constexpr const char* input_function = "__leat_input";
/// And of the one that it reads the rows of a table from: `__leat_lookup('c')`.
inline constexpr const char* lookup_function = "__leat_lookup";
inline constexpr const char* row_column =
    "__leat_row";  ///< BIGINT: which input row (0…) an output row came from
inline constexpr const char* weight_column = "__leat_weight";  ///< BIGINT: the row's weight
inline constexpr const char* found_column =
    "__leat_found";  ///< BOOLEAN: whether a row of a table that lies beside an input row is one
inline constexpr const char* key_column =
    "__leat_key";  ///< BIGINT: which of the keys that a run is for (0…) the row belongs to

/// A table or view that a stream's query joins with: for each of the stream's rows, the rows of one
/// key.
struct Lookup {
  std::string table;
  std::string relation;          ///< what `__leat_lookup` calls it: its alias in the query
  Schema schema;                 ///< the table's columns
  std::vector<std::size_t> key;  ///< which of them are its key
  /// It is a view, or a table that is kept as one; `key` is then what the query's ON is about.
  bool view = false;
  /// Where the query can be run `beside`: which of `schema` it looks at then.
  std::vector<std::size_t> beside;
  /// And what a row must find here to go on, where that is all that the join asks.
  enum class Wanted { row, no_row, either };
  Wanted wanted = Wanted::either;

  /// What `__leat_lookup` yields then: these columns, and found_column.
  Schema beside_schema() const;
};

/// What a stream's query with lookups asks for: which of the input's rows, and the parts of their
/// keys, lookup after lookup. Rows that WHERE leaves out for what the stream itself has, whatever
/// is found, ask for nothing.
struct LookupKeys {
  Schema parts;  ///< of the keys, of their tables' types; NULL where there is nothing to look up
  /// By part: the input column that it is as it stands.
  std::vector<std::optional<std::size_t>> passes;
  /// SQL over `__leat_input()` that yields the other parts, then row_column. It fails where the
  /// query does: on a row's key, or on what WHERE says of it. Empty: nothing needs to run, each row
  /// asks.
  std::string sql;
};

/// A SELECT that works on each row alone (projection, WHERE, scalar functions, UNNEST): as SQL over
/// `__leat_input()`.
struct RowQuery {
  std::string input;      ///< the stream, view or topic it reads
  std::string sql;        ///< yields the output columns, then row_column as the last one
  Schema output;          ///< without row_column
  bool identity = false;  ///< output is the input, untouched: nothing needs to run
  /// By output column: the input column that it is as it stands. Empty: not known for this query.
  std::vector<std::optional<std::size_t>> passes;
  /// Where `passes` is not empty and there are no lookups: `sql` without the columns that are
  /// passed. Empty: nothing needs to run, each input row is an output row.
  std::string rest;
  std::vector<bool> reads;  ///< which of the input's columns it looks at (so that decoding can
                            ///< leave out the others)
  /// Tables that it joins with. Where there are some, the rows come in the input's order.
  std::vector<Lookup> lookups;
  LookupKeys keys;
  /// `sql` again, for input rows that find one row or none in each lookup. `__leat_lookup('…')`
  /// then has a row for each of the input's, in its order: the columns that Lookup::beside says,
  /// NULL where none was found, then found_column. Empty: the joins can't be said so.
  std::string beside;
  /// A column of what a lookup has found.
  struct Found {
    std::size_t lookup;
    std::size_t column;  ///< of Lookup::schema
  };
  /// Where `beside` computes nothing: the output's columns that `passes` has not, in their order.
  /// Rows that ask and find what each lookup wants go on. Nothing: `beside` has to run, and
  /// `passes` is empty.
  std::optional<std::vector<Found>> found;
};

/// One aggregate function of a query. Columns are indices into what `AggregateQuery::pre` yields.
struct AggregateCall {
  enum class Function {
    count_star,
    count,
    sum,
    avg,
    min,
    max,
    first,  ///< by arrival, NULL too (any_value is first with a filter)
    last,
    arg_min,
    arg_max,
    stddev_samp,
    stddev_pop,
    var_samp,
    var_pop,
    bool_and,
    bool_or,
    approx_count_distinct,
  };
  Function function;
  /// 0 for count_star, 2 for arg_min/arg_max, else 1. May be a group key's column. Cast already: to
  /// BIGINT, HUGEINT, DECIMAL or DOUBLE for sum and avg, DOUBLE for stddev and variance, BOOLEAN
  /// for bool_and and bool_or; of any type for the others.
  std::vector<std::size_t> arguments;
  std::optional<std::size_t> filter;                  ///< BOOLEAN column of a FILTER clause
  bool distinct = false;                              ///< count, sum, avg over distinct values
  Type argument_type = Type::of(DUCKDB_TYPE_BIGINT);  ///< of the first argument
  Type result = Type::of(DUCKDB_TYPE_BIGINT);         ///< as DuckDB types it
};

/// The windows that a table function puts rows into: rows gain window_start and window_end, of the
/// time column's type, and there is a row for each window that a row is in.
struct Window {
  enum class Kind {
    tumble,    ///< one after the other
    hop,       ///< of one length, a new one at every slide
    cumulate,  ///< beginning together and longer by a slide each, up to the size
    session,   ///< as long as rows follow each other by less than the size, by key
  };
  Kind kind = Kind::tumble;
  std::size_t time_column = 0;  ///< index in the input's schema: TIMESTAMP or TIMESTAMPTZ
  std::int64_t size_us = 0;     ///< of the longest
  std::int64_t slide_us = 0;    ///< the size is a multiple of it
  std::int64_t offset_us = 0;  ///< how far from 1970 the windows begin; from 0 to less than a slide
                               ///< (of cumulate: than the size)
  std::optional<std::size_t> start_key;  ///< which group key is window_start
  std::optional<std::size_t> end_key;  ///< which group key is window_end; of cumulate there is one

  std::int64_t windows_per_row_max() const { return size_us / slide_us; }
};

/// The key (of a SelectQuery: the output's column) that says which window of event time a row is
/// in, TIMESTAMP or TIMESTAMPTZ: when the watermark has passed the window's end, nothing of it
/// comes any more but what is late.
struct WindowKey {
  std::size_t key = 0;
  std::int64_t width_us = 0;  ///< from the key's value to the end of the window
};

/// SELECT … FROM input [WHERE …] GROUP BY … [HAVING …], taken apart: `pre` runs over changes of the
/// input, the aggregates are kept incrementally per group, `post` runs over the groups that
/// changed.
struct AggregateQuery {
  std::string input;
  std::optional<Window> window;
  /// Of a query over windows, its own or its input's, that groups by them.
  std::optional<WindowKey> window_key;
  /// SQL over `__leat_input()`: the group keys, then the aggregates' arguments and filters, then
  /// row_column (and weight_column after it, where `weighted`).
  std::string pre;
  /// Over hop(): the same with each row once, in the newest of its windows, so that a group's rows
  /// in a window are those that it has there in size / slide such panes. Then the first keys are
  /// window_start and window_end, or one of them. Empty where windows can't be made of panes.
  std::string panes;
  Schema pre_schema;  ///< without the added columns
  /// The first columns of pre_schema. 0: one group of all rows, which is there from the start: over
  /// no rows DuckDB answers SELECT count(*) with one row, and so does the view (HAVING may drop
  /// it).
  std::size_t key_count = 0;
  std::vector<AggregateCall> aggregates;
  /// SQL over `__leat_input()` whose columns are the keys (k0, k1, …) and the aggregates' results
  /// (a0, a1, …): the SELECT list, HAVING as WHERE, then row_column last.
  std::string post;
  Schema groups;  ///< k0…, a0…: post's input
  Schema output;
  bool weighted = false;  ///< the input is a view: rows may be taken back
  /// A column of the input's that is its rows' event time, and how far behind the watermark of the
  /// streams that may be.
  struct RowTime {
    std::size_t column = 0;
    std::int64_t behind_us = 0;
  };
  std::optional<RowTime> row_time;
};

/// One input of a view that has several, and what is made of each of its rows.
struct ViewInput {
  std::string input;  ///< a stream or view
  /// SQL over `__leat_input()` that yields `schema`'s columns, then row_column (and weight_column
  /// after it, where `weighted`).
  std::string sql;
  Schema schema;
  bool weighted = false;  ///< the input is a view: rows may be taken back
};

/// Rows one by one, of one input or of several put together: each input's `sql` yields `output`'s
/// columns. Where it is empty, the input's columns pass as they are.
struct SelectQuery {
  std::vector<ViewInput> inputs;
  Schema output;
  std::optional<WindowKey> window_key;  ///< `key` is a column of the output
};

/// left JOIN right ON keys are equal [AND times are near each other] [AND condition]. Of each side
/// `sql` yields the keys first (k0, k1, …; of equal types on both sides), then what the join puts
/// out of it. A NULL in a key matches nothing. Of ASOF joins the last key is no equality.
struct JoinQuery {
  enum class Kind {
    inner,
    left,
    right,
    full,
    semi,  ///< the left side's rows that have a match, each once
    anti,  ///< those that have none
  };
  Kind kind = Kind::inner;
  ViewInput left;
  ViewInput right;
  std::size_t key_count = 0;  ///< 0: every row of one side meets every row of the other
  /// SQL over `__leat_input()` whose columns are left's behind its keys (l0, l1, …) and right's
  /// behind its keys (r0, r1, …): a BOOLEAN, then row_column. NULL is false. Empty: none.
  std::string condition;
  /// A match has right's time less left's within [lower_us, upper_us]; both are columns behind the
  /// keys, TIMESTAMP or TIMESTAMPTZ, and the event time of a stream. Rows that can't match any more
  /// are forgotten, and an outer row leaves when nothing can match it any more.
  struct TimeBound {
    std::size_t left_column = 0;   ///< index in left.schema
    std::size_t right_column = 0;  ///< index in right.schema
    std::int64_t lower_us = 0;
    std::int64_t upper_us = 0;
    bool of_view = false;  ///< ViewQueryOptions::joins_within_us says so, not the query
  };
  std::optional<TimeBound> bound;
  /// ASOF JOIN, inner or left: of the right side's rows whose other keys are equal, the one nearest
  /// to the left row by the last key, which is not compared for equality.
  struct AsOf {
    bool following = false;  ///< the first that is not before the left row; else the last not after
    bool strictly = false;   ///< and none that is at the same place
    /// The last keys are event times of streams: left rows leave when nothing can come any more
    /// between them and their match. What is older than the newest right row that all the others
    /// follow is forgotten. With `following` the view has ViewQueryOptions::joins_within_us.
    bool closes = false;
  };
  std::optional<AsOf> asof;
  /// Both sides' rows are of windows, and those of one match: the first key. Not with a bound.
  std::optional<WindowKey> window_key;
  /// left's columns behind its keys, then right's (neither for semi and anti).
  Schema output;
};

/// A query that gives for all rows what it gives for the rows of each key alone, put together: it
/// is run again over the rows of the keys that have changed, and the difference is given out.
struct KeyedQuery {
  std::vector<ViewInput> inputs;  ///< `sql` yields the keys first, then the columns for `sql`
  std::size_t key_count = 0;      ///< 0: all rows have one key
  /// SQL over `__leat_lookup('0')`, `__leat_lookup('1')`, … (a relation for each input): each has
  /// the input's columns behind its keys, then key_column, for `survivors` and `frames` row_column,
  /// and for a `session` window_start and window_end, of the time column's type. Yields `output`'s
  /// columns, then key_column, and for `survivors` row_column last.
  std::string sql;
  Schema output;
  /// Of the one input, which only gains rows, a row that is not in the result is not looked at
  /// again (row_number() … <= 10): it is forgotten.
  bool survivors = false;
  /// What rows of an input are ordered by.
  struct Order {
    std::size_t column = 0;  ///< index in the input's schema
    bool descending = false;
    bool nulls_first = false;
  };
  /// Of the one input: what a row gives goes by rows near it alone, in an order of the key's rows,
  /// and by what the row before these carries on. Then `sql` is run over some rows of a key that
  /// stand side by side, which it takes for a key's, and yields behind `output`'s columns those of
  /// `carried`, then key_column and row_column. A row at least of its result is made of each.
  struct Frames {
    std::vector<Order> order;
    std::int64_t rows_before = 0;  ///< so many rows before a row are near it
    std::int64_t rows_after = 0;
    /// And those whose time lies so many microseconds before its own or less. The one column of
    /// `order` is TIMESTAMP or TIMESTAMPTZ where these are not 0.
    std::int64_t us_before = 0;
    std::int64_t us_after = 0;
    bool peers = false;  ///< and all that are ordered alike
    /// Of the rows up to one and its peers; the relation has these columns of the row before its
    /// first, NULL where there is none. Types that can be kept.
    std::vector<Column> carried = {};
    /// Behind `carried` `sql` yields a BOOLEAN: only rows where it is true are in the result.
    bool filters = false;
    /// Where rows come in event time, by the first column of `order`: none comes or is taken back
    /// any more when the watermark is so many microseconds behind its time.
    std::optional<std::int64_t> settles_us = {};
    /// Then a row leaves once, when nothing near it can come any more, and what no row will look at
    /// is forgotten.
    bool closes = false;
    /// Where rows look at a time only: no two of one key look at each other, over others or not,
    /// that so much time or more without a row lies between.
    std::optional<std::int64_t> gap_us() const {
      if (rows_before > 0 || rows_after > 0 || !carried.empty()) return std::nullopt;
      return std::max(us_before, us_after) + 1;
    }
  };
  std::optional<Frames> frames;
  /// Whether its relation has row_column.
  bool numbers_rows() const { return survivors || frames.has_value(); }
  /// The rows of a key fall into sessions: runs of rows whose times are less than a gap apart.
  struct Session {
    std::size_t time_column = 0;  ///< index in the one input's schema
    std::int64_t gap_us = 0;
  };
  std::optional<Session> session;
  /// What the relation of an input has behind the input's own columns.
  std::vector<Column> added_columns() const {
    const Type number = Type::of(DUCKDB_TYPE_BIGINT);
    std::vector<Column> columns = {{key_column, number}};
    if (numbers_rows()) columns.push_back({row_column, number});
    if (session) {
      const Type& time = inputs[0].schema[session->time_column].type;
      columns.push_back({"window_start", time});
      columns.push_back({"window_end", time});
    }
    if (frames) columns.insert(columns.end(), frames->carried.begin(), frames->carried.end());
    return columns;
  }
  /// The first key says which window a row is in. Not with sessions.
  std::optional<WindowKey> window_key;
  /// Of the one input: the result are rows of its own that come first by the columns that stand
  /// behind the keys, so that only those need to be fed to `sql`.
  struct Ranking {
    /// How rows that are equal by what they are ordered by count.
    enum class Ties {
      apart,     ///< row_number(), LIMIT: each for itself
      together,  ///< rank(): those that are equal to one within the count are within it
      as_one,    ///< dense_rank(): they are counted once
    };
    std::vector<Order> order;
    Ties ties = Ties::apart;
    std::int64_t count = 0;
  };
  std::optional<Ranking> ranking;
  /// Of `survivors` with a ranking, whose result are columns of those rows as they stand: by output
  /// column which of the input's it is; nothing: the row's number, from 1. Then `sql` need not be
  /// run. Empty: of no such query.
  std::vector<std::optional<std::size_t>> shown;
};

/// One operator of a view's query.
struct QueryPart {
  std::string name;
  std::vector<std::string> inputs;  ///< streams, views, and parts before this one
  std::variant<AggregateQuery, SelectQuery, JoinQuery, KeyedQuery> query;
  Schema output;
  /// How far behind the watermark of the streams its input's event time may be, in microseconds: a
  /// join in time lets rows wait.
  std::int64_t behind_us = 0;
  /// Its windows are of event time, so that they can close; or its window functions are, and do.
  bool closes = false;

  /// Window functions that close, which give out each row once and keep none.
  bool rows_leave() const {
    const auto* keyed = std::get_if<KeyedQuery>(&query);
    return keyed != nullptr && keyed->frames && keyed->frames->closes;
  }
};

/// What a relation's column is that goes with event time.
struct EventTimeColumn {
  /// By how much more than the relation as a whole it may lie behind the watermark.
  std::int64_t behind_us = 0;
  /// It says which window a row is in: `behind_us` after it the window ends, and then nothing of it
  /// comes any more. Else it is a time, before which nothing comes any more.
  bool bounds_window = false;
};

/// A view's query taken apart.
struct ViewQuery {
  std::vector<QueryPart> parts;    ///< the last one is the view itself, of its name
  std::vector<std::string> reads;  ///< the streams and views that the query names
  /// By column of the result, as long as the windows of its parts close; and how far the whole may
  /// be behind the watermark of the streams.
  std::map<std::size_t, EventTimeColumn> event_times;
  std::int64_t behind_us = 0;
  /// Columns of the result that no two rows have the same values in; nothing: none are known. No
  /// columns: there is one row at most.
  std::optional<std::vector<std::size_t>> key;
  bool rows_only_come = false;  ///< none is ever taken back
};

}  // namespace leat::sql
