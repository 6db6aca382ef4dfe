#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "model/schema.h"
#include "sql/query.h"

namespace leat::sql {

/// What a query may read from.
struct Relation {
  enum class Kind { topic_columns, stream, view, table };
  Kind kind = Kind::stream;
  Schema schema;
  std::vector<std::size_t> key = {};  ///< of a table
  /// Columns that are event time: no row comes whose value is before the watermark, unless it is
  /// late.
  std::map<std::size_t, EventTimeColumn> event_times = {};
  std::int64_t behind_us = 0;  ///< how much further back they may be
  /// Of a view: columns that no two rows have the same values in, where some are known.
  std::optional<std::vector<std::size_t>> unique = {};
};
using Catalog = std::map<std::string, Relation, std::less<>>;

/// A fault in a query: `position` is a byte offset into the SQL text as the user wrote it.
struct SqlFault {
  std::string code;     ///< sql-syntax, unknown-table, unknown-column, unknown-function,
                        ///< type-mismatch, not-incremental, …
  std::string message;  ///< what is wrong; what to write instead (with "did you mean" where there
                        ///< is a near name)
  std::size_t position = 0;
};

template <class T>
using Analysed = std::expected<T, SqlFault>;

/// What a view asks of its query beside what the SQL says.
struct ViewQueryOptions {
  /// What window functions give for a row is wanted once, when it is final, where they go by event
  /// time.
  bool on_close = false;
  /// Rows of streams whose event times lie further apart don't match in joins. (Of ASOF joins the
  /// operator sees to it.)
  std::optional<std::int64_t> joins_within_us = {};
};

/// Thread-safe when each thread has its own. Holds a DuckDB in which every query is bound against
/// its inputs' columns.
class Analyser {
 public:
  static Result<std::unique_ptr<Analyser>> open();
  virtual ~Analyser() = default;

  /// A function of the user's own, that all SQL analysed after it may call: `text` is what stands
  /// behind `CREATE MACRO name`, "(a, b := 2) AS a + b" or "(n) AS TABLE SELECT …". In queries that
  /// call one, faults point to the call.
  virtual Analysed<void> add_macro(const std::string& name, std::string_view text) = 0;

  /// A stream's SELECT over `input`. A query without FROM reads `input` ("SELECT *,
  /// year(registered) AS year"). It may join with the catalog's tables, by their whole keys.
  virtual Analysed<RowQuery> row_query(std::string_view sql, const std::string& input,
                                       const Catalog& catalog) = 0;
  /// A view's query taken apart into operators; `view` names the last of them, and the others
  /// after it. What can't be kept up to date is refused as `not-incremental` with the remedy.
  virtual Analysed<ViewQuery> view_query(std::string_view sql, const std::string& view,
                                         const Catalog& catalog,
                                         const ViewQueryOptions& options = {}) = 0;
  /// The same where one operator is enough: SELECT … FROM one stream or view (or a window function
  /// of one, as `tumble(…)`) [WHERE] GROUP BY … [HAVING]. What can't be kept incrementally is
  /// refused as `not-incremental` with the remedy.
  virtual Analysed<AggregateQuery> aggregate_query(std::string_view sql,
                                                   const Catalog& catalog) = 0;
  /// A boolean over the columns of `schema` (`deletes:`). Yields SQL over __leat_input() whose
  /// columns are the boolean and row_column.
  virtual Analysed<std::string> predicate(std::string_view expression, const Schema& schema) = 0;
  /// The same of a stream's rows (an expectation), where now() is when the row's record came.
  virtual Analysed<std::string> stream_predicate(std::string_view expression,
                                                 const Schema& schema) = 0;
  /// One expression over the columns of `schema`, without aggregates and the same at every replay
  /// (a column to partition files by). Gives its type.
  virtual Analysed<Type> row_expression(std::string_view expression, const Schema& schema) = 0;
  /// A dashboard panel's query or a user's: any one SELECT over the catalog. Gives the output
  /// columns and the names it reads.
  struct FreeQuery {
    Schema output;
    std::vector<std::string> inputs;
    std::string sql;  ///< the query without macros
  };
  virtual Analysed<FreeQuery> free_query(std::string_view sql, const Catalog& catalog) = 0;
};

}  // namespace leat::sql
