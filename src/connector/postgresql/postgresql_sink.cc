#include "connector/postgresql/postgresql_sink.h"

#include <algorithm>
#include <span>

#include "connector/net_changes.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/copy_encoder.h"
#include "connector/postgresql/positions.h"
#include "connector/postgresql/server_error.h"
#include "connector/postgresql/session.h"
#include "connector/postgresql/table_plan.h"
#include "connector/postgresql/target_table.h"

namespace leat::connector {
namespace postgresql {
namespace {

constexpr std::size_t copy_bytes = 1 << 20;  ///< of rows, held before they are sent
constexpr std::size_t copy_rows = 256;       ///< encoded at once

using Writes = std::span<const KeyChange>;

std::vector<CopyColumn> copied(const TablePlan& plan, bool key_only) {
  std::vector<CopyColumn> columns;
  for (const TablePlan::Column& column : plan.columns) {
    if (!key_only || column.is_key) columns.push_back(column.copy);
  }
  return columns;
}

class PostgresqlSink final : public Sink {
 public:
  PostgresqlSink(const SinkInput& input, TablePlan plan, ConnectOptions options, Position position)
      : plan_(std::move(plan)),
        options_(std::move(options)),
        position_(std::move(position)),
        rows_(input.schema, copied(plan_, false)),
        deletes_(input.schema, copied(plan_, true)),
        net_(input.schema, plan_.key) {}

  Result<std::optional<std::string>> open(std::stop_token stop) override {
    connection_.reset();
    connection_ = LEAT_TRY(open_session(options_, stop));
    Connection& connection = *connection_;
    TargetTable table = LEAT_TRY(TargetTable::look(connection, plan_, stop));
    for (const std::string& statement : table.missing()) {
      const auto made = connection.run(statement, stop);
      if (!made && !was_made_by_another(connection.failed_state())) {
        return std::unexpected(made.error());
      }
    }
    if (!table.missing().empty()) {
      table = LEAT_TRY(TargetTable::look(connection, plan_, stop));
      if (!table.missing().empty()) {
        return transient_error("conflict", "PostgreSQL {}: table {} is being changed by another",
                               options_.shown, plan_.table.shown());
      }
    }
    statements_ = table.statements(plan_);
    LEAT_TRY(position_.make_table(connection, stop));
    if (!statements_.stage.empty()) LEAT_TRY(connection.run(statements_.stage, stop));
    return position_.take_over(connection, stop);
  }

  Result<std::vector<RefusedRow>> write(const SinkBatch& batch, std::stop_token stop) override {
    if (!connection_) {
      return transient_error("connection-lost", "PostgreSQL {}: not connected", options_.shown);
    }
    Result<std::vector<RefusedRow>> written = write_batch(batch, stop);
    if (!written) {
      // Whatever the session has not committed goes with it; `open` finds out what it has.
      connection_.reset();
    }
    return written;
  }

  Result<std::string> probe(std::stop_token stop) override {
    Connection connection = LEAT_TRY(open_session(options_, stop));
    const TargetTable table = LEAT_TRY(TargetTable::look(connection, plan_, stop));
    const int version = connection.server_version();
    std::string found = fmt::format("PostgreSQL {}.{} at {}, table {}", version / 10'000,
                                    version % 10'000, options_.shown, plan_.table.shown());
    if (!table.exists()) {
      LEAT_TRY(may_create(connection, stop));
      return found + ", which will be made";
    }
    for (const std::string& statement : table.missing()) found += "; will run: " + statement;
    return found;
  }

 private:
  Status may_create(Connection& connection, const std::stop_token& stop) {
    const std::vector<std::optional<std::string>> schema = {plan_.table.schema};
    const Rows rights = LEAT_TRY(connection.run_with(
        "SELECT CASE WHEN $1 = '' THEN coalesce(has_schema_privilege(current_schema(), 'CREATE'), "
        "false) WHEN EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) THEN "
        "has_schema_privilege($1, 'CREATE') ELSE has_database_privilege(current_database(), "
        "'CREATE') END",
        schema, stop));
    if (rights.string(0, 0) == "t") return {};
    return user_error("not-permitted",
                      "PostgreSQL {}: table {} is missing, and this user may not make it; as the "
                      "schema's owner: {}",
                      options_.shown, plan_.table.shown(), plan_.create_table());
  }

  Result<std::vector<RefusedRow>> write_batch(const SinkBatch& batch, const std::stop_token& stop) {
    const std::vector<KeyChange>& writes = writes_of(batch);
    Connection& connection = *connection_;
    const Status whole = write_whole(batch, writes, stop);
    if (whole) return std::vector<RefusedRow>();
    if (!refuses_rows(connection.failed_state()) || stop.stop_requested()) {
      return std::unexpected(failure_of(whole.error()));
    }
    LEAT_TRY(connection.run("ROLLBACK", stop));
    std::vector<RefusedRow> refused;
    const Status parts = write_in_parts(batch, writes, refused, stop);
    if (!parts) return std::unexpected(failure_of(parts.error()));
    return refused;
  }

  /// A statement that no longer fits is tried again after `open` has looked at the table again.
  Error failure_of(Error error) const {
    if (table_has_changed(connection_->failed_state())) {
      error.code = "table-changed";
      error.retryable = true;
    }
    return error;
  }

  /// What the batch comes to, in the order in which it is written.
  const std::vector<KeyChange>& writes_of(const SinkBatch& batch) {
    if (plan_.mode == TablePlan::Mode::append) {
      appended_.clear();
      appended_.reserve(batch.rows);
      for (std::size_t part = 0; part < batch.parts.size(); ++part) {
        for (std::size_t row = 0; row < batch.parts[part].rows.size(); ++row) {
          appended_.push_back({part, row, false});
        }
      }
      return appended_;
    }
    const std::vector<KeyChange>& net = net_.fold(batch);
    if (!plan_.tombstones_delete) return net;
    appended_ = net;
    for (KeyChange& change : appended_) {
      const duckdb_vector value = batch.parts[change.part].rows.vector(record_value);
      change.deleted = !is_valid(duckdb_vector_get_validity(value), change.row);
    }
    return appended_;
  }

  Status write_whole(const SinkBatch& batch, Writes writes, const std::stop_token& stop) {
    LEAT_TRY(begin(batch.position, stop));
    LEAT_TRY(apply(batch, writes, stop));
    LEAT_TRY(connection_->run("COMMIT", stop));
    return {};
  }

  /// The position first: its row is locked from now on, so that whoever takes over waits.
  Status begin(std::string_view position, const std::stop_token& stop) {
    const std::vector<Rows> begun =
        LEAT_TRY(connection_->run("BEGIN; " + position_.store(*connection_, position), stop));
    if (begun.back().affected() == 1) return {};
    LEAT_TRY(connection_->run("ROLLBACK", stop));
    return position_.why_not_stored(*connection_, stop);
  }

  Status apply(const SinkBatch& batch, Writes writes, const std::stop_token& stop) {
    const auto deletes = std::ranges::count(writes, true, &KeyChange::deleted);
    if (plan_.mode == TablePlan::Mode::single_row) {
      LEAT_TRY(connection_->run(statements_.merge_deletes, stop));
    } else if (deletes > 0) {
      // Before the others: a row that is taken out may stand in the way of one that is put in.
      LEAT_TRY(copy(batch, writes, true, stop));
      LEAT_TRY(connection_->run(statements_.merge_deletes, stop));
    }
    if (static_cast<std::size_t>(deletes) == writes.size()) return {};
    LEAT_TRY(copy(batch, writes, false, stop));
    if (!statements_.merge_rows.empty()) LEAT_TRY(connection_->run(statements_.merge_rows, stop));
    return {};
  }

  Status copy(const SinkBatch& batch, Writes writes, bool deleted, const std::stop_token& stop) {
    LEAT_TRY(connection_->run(deleted ? statements_.copy_deletes : statements_.copy_rows, stop));
    CopyEncoder& encoder = deleted ? deletes_ : rows_;
    buffer_.clear();
    CopyEncoder::append_header(buffer_);
    for (std::size_t i = 0; i < writes.size();) {
      const std::size_t part = writes[i].part;
      numbers_.clear();
      for (; i < writes.size() && writes[i].part == part && numbers_.size() < copy_rows; ++i) {
        if (writes[i].deleted == deleted) {
          numbers_.push_back(static_cast<std::uint32_t>(writes[i].row));
        }
      }
      encoder.append_rows(batch.parts[part], numbers_, buffer_);
      if (buffer_.size() < copy_bytes) continue;
      LEAT_TRY(connection_->put_copy(buffer_, stop));
      buffer_.clear();
    }
    CopyEncoder::append_trailer(buffer_);
    LEAT_TRY(connection_->put_copy(buffer_, stop));
    return connection_->end_copy(stop);
  }

  /// Finds the rows that the server refuses, and writes all others.
  Status write_in_parts(const SinkBatch& batch, Writes writes, std::vector<RefusedRow>& refused,
                        const std::stop_token& stop) {
    LEAT_TRY(begin(batch.position, stop));
    LEAT_TRY(write_part(batch, writes, refused, stop));
    LEAT_TRY(connection_->run("COMMIT", stop));
    return {};
  }

  /// In halves, until what is refused is one row. Constraints that wait for the commit are asked at
  /// once, as nobody could say afterwards whose they were.
  Status write_part(const SinkBatch& batch, Writes writes, std::vector<RefusedRow>& refused,
                    const std::stop_token& stop) {
    LEAT_TRY(connection_->run("SAVEPOINT leat_part; SET CONSTRAINTS ALL DEFERRED", stop));
    Status applied = apply(batch, writes, stop);
    if (applied) {
      std::string ending = "SET CONSTRAINTS ALL IMMEDIATE";
      if (!statements_.clear_stage.empty()) ending += "; " + statements_.clear_stage;
      const auto ended = connection_->run(ending, stop);
      if (!ended) applied = std::unexpected(ended.error());
    }
    if (applied) {
      LEAT_TRY(connection_->run("RELEASE SAVEPOINT leat_part", stop));
      return {};
    }
    if (!refuses_rows(connection_->failed_state())) return applied;
    LEAT_TRY(
        connection_->run("ROLLBACK TO SAVEPOINT leat_part; RELEASE SAVEPOINT leat_part", stop));
    if (writes.size() == 1) {
      refused.push_back({writes[0].part, writes[0].row, applied.error().message});
      return {};
    }
    const std::size_t half = writes.size() / 2;
    LEAT_TRY(write_part(batch, writes.first(half), refused, stop));
    return write_part(batch, writes.subspan(half), refused, stop);
  }

  const TablePlan plan_;
  const ConnectOptions options_;
  Position position_;
  CopyEncoder rows_;
  CopyEncoder deletes_;
  NetChanges net_;
  std::optional<Connection> connection_;
  Statements statements_;
  std::vector<KeyChange> appended_;
  std::vector<std::uint32_t> numbers_;
  std::string buffer_;
};

}  // namespace
}  // namespace postgresql

Result<std::unique_ptr<Sink>> make_postgresql_sink(const SinkInput& input, const Settings& settings,
                                                   const Context& context) {
  using namespace postgresql;
  TablePlan plan = LEAT_TRY(plan_table(input, settings));
  ConnectOptions options = LEAT_TRY(connect_options(settings, context, "leat sink " + input.sink));
  TableName positions = LEAT_TRY(parse_table_name(settings.text("positions_table")));
  std::string name = settings.text("position_name");
  if (name.empty()) name = input.sink + " " + plan.table.shown();
  Position position(std::move(positions), std::move(name), plan.create);
  return std::make_unique<PostgresqlSink>(input, std::move(plan), std::move(options),
                                          std::move(position));
}

}  // namespace leat::connector
