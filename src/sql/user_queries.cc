#include "sql/user_queries.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"
#include "sql/engine.h"
#include "sql/engine_fault.h"
#include "sql/free_query.h"
#include "sql/function_catalog.h"
#include "sql/macros.h"
#include "sql/parser.h"
#include "sql/relation_function.h"
#include "sql/watchdog.h"

namespace leat::sql {
namespace {

/// DuckDB's memory limit does not see the text that a function makes, so those that make long text
/// out of nothing are bounded here. Calls by a qualified name don't get past relations_read.
constexpr const char* bounded_functions = R"(
  CREATE MACRO repeat(text, times) AS CASE
    WHEN len(text::VARCHAR) * times > 100000 THEN error('repeat() gives 100000 characters at most')
    ELSE system.main.repeat(text, times) END;
  CREATE MACRO lpad(text, length, pad) AS CASE
    WHEN length > 100000 THEN error('lpad() gives 100000 characters at most')
    ELSE system.main.lpad(text, length, pad) END;
  CREATE MACRO rpad(text, length, pad) AS CASE
    WHEN length > 100000 THEN error('rpad() gives 100000 characters at most')
    ELSE system.main.rpad(text, length, pad) END;
)";

/// How often a query is begun anew whose files were gone when they were to be read.
constexpr unsigned files_retries_max = 2;

/// A connection with its parser, used by one query at a time.
struct Desk {
  ConnectionHandle connection;
  std::unique_ptr<Parser> parser;
  std::vector<std::string> shown = {};  ///< tables that have a view of their files now
};

/// Asks to stop when it is asked to itself, or at a moment.
class Until {
 public:
  Until(Watchdog::Time moment, const std::stop_token& stop)
      : on_stop_(stop, [this] { source_.request_stop(); }),
        timer_([this, moment](const std::stop_token& ended) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any never;
          never.wait_until(lock, ended, moment, [] { return false; });
          source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> on_stop_;
  std::jthread timer_;
};

/// "line 2, column 5" of a byte position.
std::string place_in(std::string_view sql, std::size_t position) {
  const std::string_view before = sql.substr(0, std::min(position, sql.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto last = before.rfind('\n');
  const std::size_t column =
      last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return fmt::format("line {}, column {}", line, column + 1);
}

std::unexpected<Error> refused(std::string_view sql, const SqlFault& fault) {
  if (fault.code == "not-a-select") {
    return user_error("not-read-only",
                      "only queries can be run here (SELECT, WITH, VALUES, FROM, DESCRIBE, "
                      "SUMMARIZE, SHOW TABLES), one at a time");
  }
  return user_error(fault.code == "not-allowed" ? "not-allowed" : "sql-invalid", "{}: {}",
                    place_in(sql, fault.position), fault.message);
}

class LockedQueries final : public UserQueries {
 public:
  LockedQueries(const Options& options, std::map<std::string, Schema> relations,
                std::map<std::string, FileTable> tables)
      : options_(options), relations_(std::move(relations)), tables_(std::move(tables)) {
    for (const auto& [name, schema] : relations_) catalog_[name] = {Relation::Kind::view, schema};
    for (const auto& [name, table] : tables_) catalog_[name] = {Relation::Kind::view, table.schema};
    for (const auto& [name, relation] : catalog_) names_.tables.push_back(name);
  }

  Status open_engine_locked();
  Result<Outcome> run(std::string_view sql, Scanner& scanner, const Limits& limits,
                      std::stop_token stop, const OnSchema& on_schema,
                      const OnChunk& on_chunk) override;

 private:
  /// Gives a desk back when the query is over.
  class Turn {
   public:
    Turn(LockedQueries& queries, Desk desk) : queries_(queries), desk_(std::move(desk)) {}
    ~Turn() {
      for (const std::string& name : std::exchange(desk_.shown, {})) {
        (void)execute(desk_.connection.get(), "DROP VIEW IF EXISTS temp.main." + quoted_name(name));
      }
      const std::lock_guard lock(queries_.mutex_);
      queries_.free_.push_back(std::move(desk_));
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Desk& desk() { return desk_; }

   private:
    LockedQueries& queries_;
    Desk desk_;
  };

  Result<Outcome> run_once(std::string_view sql, Scanner& scanner, const Limits& limits,
                           const std::stop_token& stop, const OnSchema& on_schema,
                           const OnChunk& on_chunk);
  Result<std::unique_ptr<Turn>> take_turn();
  Result<StatementHandle> prepare(Desk& desk, std::string_view sql, Scanner& scanner,
                                  Watchdog::Time deadline, const std::stop_token& stop) const;
  Status show_files(Desk& desk, const std::string& name, Scanner& scanner, Watchdog::Time deadline,
                    const std::stop_token& stop) const;
  static Result<Outcome> hand_out(duckdb_result& result, const Limits& limits,
                                  const Watchdog::Guard& guard, const OnChunk& on_chunk,
                                  std::string& failure);
  std::unexpected<Error> failed(const UserRun& run, const std::string& text, const Limits& limits,
                                const std::stop_token& stop) const;

  const Options options_;
  const std::map<std::string, Schema> relations_;
  const std::map<std::string, FileTable> tables_;
  Catalog catalog_;
  NamesInScope names_;
  Macros macros_;
  DatabaseHandle database_;
  std::mutex mutex_;
  std::vector<Desk> free_;
  Watchdog watchdog_;
};

Status LockedQueries::open_engine_locked() {
  EngineOptions engine{.threads = options_.threads, .memory_bytes_max = options_.memory_bytes_max};
  for (const auto& [name, table] : tables_) engine.readable_folders.push_back(table.folder);
  database_ = LEAT_TRY(open_engine(engine));
  // Settings can't be changed after the lock, so all connections there will be are made before it.
  for (unsigned i = 0; i < options_.concurrent_max; ++i) {
    ConnectionHandle connection = LEAT_TRY(connect_engine(database_.get()));
    free_.push_back({std::move(connection), nullptr});
  }
  LEAT_CHECK(!free_.empty());
  const duckdb_connection first = free_.front().connection.get();
  LEAT_TRY(register_relation_function(first, relations_));
  for (const auto& [name, schema] : relations_) {
    std::string text;
    for (const char c : name) text += c == '\'' ? "''" : std::string(1, c);
    LEAT_TRY(execute(first, fmt::format("CREATE VIEW {} AS SELECT * FROM {}('{}')",
                                        quoted_name(name), relation_function, text)));
  }
  // So that it is listed; a query that reads it has a view of that moment's files before this one.
  for (const auto& [name, table] : tables_) {
    LEAT_TRY(execute(
        first, fmt::format("CREATE VIEW {} AS {}", quoted_name(name), rows_of_files(table, {}))));
  }
  LEAT_TRY(execute(first, bounded_functions));
  names_.functions = LEAT_TRY(FunctionCatalog::load(first)).names();
  LEAT_TRY(execute(first, "SET GLOBAL lock_configuration = true"));
  for (Desk& desk : free_) desk.parser = LEAT_TRY(Parser::open(desk.connection.get()));
  for (const auto& [name, text] : options_.macros) {
    const auto added = macros_.add(*free_.front().parser, name, text);
    if (!added) return user_error("sql-invalid", "macro {}: {}", name, added.error().message);
  }
  return {};
}

Result<std::unique_ptr<LockedQueries::Turn>> LockedQueries::take_turn() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    return transient_error("too-many-queries",
                           "{} queries are running, which is the most: try again in a moment",
                           options_.concurrent_max);
  }
  Desk desk = std::move(free_.back());
  free_.pop_back();
  return std::make_unique<Turn>(*this, std::move(desk));
}

/// Makes the files that hold a table's rows now what its name stands for in this connection.
Status LockedQueries::show_files(Desk& desk, const std::string& name, Scanner& scanner,
                                 Watchdog::Time deadline, const std::stop_token& stop) const {
  const Until until(deadline, stop);
  const std::vector<std::string> files = LEAT_TRY(scanner.files(name, until.token()));
  const std::string view = fmt::format("CREATE OR REPLACE TEMP VIEW {} AS {}", quoted_name(name),
                                       rows_of_files(tables_.at(name), files));
  ResultHandle result;
  desk.shown.push_back(name);
  if (duckdb_query(desk.connection.get(), view.c_str(), result.get()) == DuckDBSuccess) return {};
  return external_error("files-unreadable", "the files of {} can't be read: {}", name,
                        engine_fault(duckdb_result_error(result.get())).message);
}

Result<StatementHandle> LockedQueries::prepare(Desk& desk, std::string_view sql, Scanner& scanner,
                                               Watchdog::Time deadline,
                                               const std::stop_token& stop) const {
  const auto written = macros_.written_out(*desk.parser, sql);
  if (!written) return refused(sql, written.error());
  const std::string text = *written ? (*written)->sql : std::string(sql);
  // Of a query with macros a place in what was made of it says nothing to its writer.
  const auto refuse = [&](SqlFault fault) {
    if (*written) fault.position = (*written)->call;
    return refused(sql, fault);
  };
  const auto query = desk.parser->parse(text);
  if (!query) return refuse(query.error());
  const auto inputs = relations_read(*query, catalog_);
  if (!inputs) return refuse(inputs.error());
  for (const std::string& input : *inputs) {
    if (tables_.contains(input)) LEAT_TRY(show_files(desk, input, scanner, deadline, stop));
  }
  duckdb_prepared_statement raw = nullptr;
  const duckdb_state state = duckdb_prepare(desk.connection.get(), text.c_str(), &raw);
  StatementHandle statement(raw);
  if (state != DuckDBSuccess) {
    NamesInScope names = names_;
    for (const std::string& input : *inputs) {
      for (const Column& column : catalog_.find(input)->second.schema) {
        names.columns.push_back(column.name);
      }
    }
    const EngineFault fault = engine_fault(duckdb_prepare_error(raw));
    if (fault.type == "Out of Memory") {
      return user_error("query-too-large", "the query needs too much memory: {}", fault.message);
    }
    // Of a table whose files have been merged away since they were listed.
    if (fault.type == "IO") return transient_error("files-unreadable", "{}", fault.message);
    return refuse(fault_of(fault, names, 0, text.size()));
  }
  if (duckdb_prepared_statement_type(raw) != DUCKDB_STATEMENT_TYPE_SELECT) {
    return refused(sql, {"not-a-select", "", 0});
  }
  return statement;
}

Result<UserQueries::Outcome> LockedQueries::hand_out(duckdb_result& result, const Limits& limits,
                                                     const Watchdog::Guard& guard,
                                                     const OnChunk& on_chunk,
                                                     std::string& failure) {
  Outcome outcome;
  while (duckdb_data_chunk handle = duckdb_fetch_chunk(result)) {
    Chunk chunk = Chunk::adopt(handle);
    if (chunk.size() == 0) break;
    if (guard.expired()) break;
    const std::size_t room = limits.rows_max - outcome.rows;
    if (chunk.size() > room) {
      outcome.truncated = true;
      chunk.set_size(room);
    }
    outcome.rows += chunk.size();
    if (chunk.size() > 0) LEAT_TRY(on_chunk(chunk));
    if (outcome.truncated) return outcome;
  }
  if (const char* error = duckdb_result_error(&result)) failure = error;
  return outcome;
}

std::unexpected<Error> LockedQueries::failed(const UserRun& run, const std::string& text,
                                             const Limits& limits,
                                             const std::stop_token& stop) const {
  if (run.failure) return std::unexpected(*run.failure);
  if (stop.stop_requested()) return user_error("query-cancelled", "the query was cancelled");
  if (run.guard.expired()) {
    return user_error("query-timeout", "the query took longer than {} s: read less, or a view",
                      std::chrono::duration<double>(limits.time).count());
  }
  const EngineFault fault = engine_fault(text.c_str());
  if (fault.type == "Out of Memory") {
    return user_error("query-too-large", "the query needs more than {} MiB of memory",
                      options_.memory_bytes_max >> 20);
  }
  if (fault.is_of_a_row()) return user_error("row-failed", "{}", fault.message);
  if (fault.type == "IO") return transient_error("files-unreadable", "{}", fault.message);
  return user_error("sql-invalid", "{}", fault.message);
}

Result<UserQueries::Outcome> LockedQueries::run(std::string_view sql, Scanner& scanner,
                                                const Limits& limits, std::stop_token stop,
                                                const OnSchema& on_schema,
                                                const OnChunk& on_chunk) {
  bool has_schema = false, has_rows = false;
  const OnSchema schema_once = [&](const Schema& schema) {
    return std::exchange(has_schema, true) ? Status() : on_schema(schema);
  };
  const OnChunk rows = [&](const Chunk& chunk) {
    has_rows = true;
    return on_chunk(chunk);
  };
  for (unsigned retry = 0;; ++retry) {
    auto outcome = run_once(sql, scanner, limits, stop, schema_once, rows);
    // A file may have been merged into another one after it was listed.
    const bool may_differ = !outcome && outcome.error().code == "files-unreadable";
    if (!may_differ || has_rows || retry == files_retries_max) return outcome;
  }
}

Result<UserQueries::Outcome> LockedQueries::run_once(std::string_view sql, Scanner& scanner,
                                                     const Limits& limits,
                                                     const std::stop_token& stop,
                                                     const OnSchema& on_schema,
                                                     const OnChunk& on_chunk) {
  const auto begin = std::chrono::steady_clock::now();
  const std::unique_ptr<Turn> turn = LEAT_TRY(take_turn());
  const duckdb_connection connection = turn->desk().connection.get();
  Watchdog::Guard guard(watchdog_, connection, begin + limits.time);
  const std::stop_callback on_stop(stop, [&guard] { guard.expire(); });
  UserRun user_run{scanner, guard, options_.scan_bytes_max};
  const UserRunScope scope(user_run);

  auto prepared = prepare(turn->desk(), sql, scanner, begin + limits.time, stop);
  if (!prepared) {
    if (guard.expired()) return failed(user_run, "", limits, stop);
    return std::unexpected(std::move(prepared).error());
  }
  const StatementHandle statement = std::move(*prepared);
  LEAT_TRY(on_schema(columns_of(statement.get())));
  duckdb_pending_result raw = nullptr;
  const duckdb_state pending_state = duckdb_pending_prepared_streaming(statement.get(), &raw);
  const PendingHandle pending(raw);
  if (pending_state != DuckDBSuccess) {
    return failed(user_run, duckdb_pending_error(raw), limits, stop);
  }
  ResultHandle result;
  if (duckdb_execute_pending(raw, result.get()) != DuckDBSuccess) {
    return failed(user_run, duckdb_result_error(result.get()), limits, stop);
  }
  std::string failure;
  Outcome outcome = LEAT_TRY(hand_out(*result.get(), limits, guard, on_chunk, failure));
  if (!failure.empty() || (guard.expired() && !outcome.truncated)) {
    return failed(user_run, failure, limits, stop);
  }
  outcome.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  return outcome;
}

}  // namespace

Result<std::unique_ptr<UserQueries>> UserQueries::open(const Options& options,
                                                       std::map<std::string, Schema> relations,
                                                       std::map<std::string, FileTable> tables) {
  auto queries = std::make_unique<LockedQueries>(options, std::move(relations), std::move(tables));
  LEAT_TRY(queries->open_engine_locked());
  return queries;
}

}  // namespace leat::sql
