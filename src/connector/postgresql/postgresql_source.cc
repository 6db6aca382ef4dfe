#include "connector/postgresql/postgresql_source.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "base/backoff.h"
#include "connector/postgresql/change_reader.h"
#include "connector/postgresql/poll_reader.h"
#include "connector/postgresql/session.h"

namespace leat::connector {
namespace postgresql {
namespace {

constexpr std::int64_t retry_first_ms = 200, retry_max_ms = 30'000;

struct Plan {
  ConnectOptions options;
  std::vector<TableName> tables;
  ChangeRecords::Form form = ChangeRecords::Form::rows;
  Slot slot;
  bool snapshot = true;
  bool snapshot_when_lost = false;
  bool drop_slot = false;
  std::uint64_t lag_warn_bytes = 0;
  std::optional<PollPlan> poll;
};

class PostgresqlSource final : public LiveSource {
 public:
  explicit PostgresqlSource(Plan plan) : plan_(std::move(plan)) {}

  Status run(std::stop_token stop, RecordWriter& writer, SourceStatus& status) override {
    RecordOutput output(writer, status, stop);
    Backoff backoff(retry_first_ms, retry_max_ms);
    for (unsigned retry = 0; !stop.stop_requested(); ++retry) {
      ++status.attempts;
      const std::uint64_t before = status.records;
      const Status ended = attempt(output);
      if (stop.stop_requested()) break;
      if (ended) {
        status.set_state("ended");
        return {};
      }
      const Error& error = ended.error();
      if (error.code == "slot-lost" || error.domain == Domain::internal) return ended;
      ++status.failures;
      status.set_error(error.message);
      status.set_state("retrying");
      spdlog::warn("postgresql source: [{}] {}", error.code, error.message);
      // What went well for a while begins anew with short waits.
      if (status.records != before) retry = 0;
      ++status.retries;
      wait_for(backoff.wait_ms(retry), stop);
    }
    status.set_state("ended");
    return {};
  }

  Result<std::optional<std::string>> probe(std::stop_token stop) override {
    Connection session = LEAT_TRY(open_new_enough(stop));
    const auto tables = LEAT_TRY(look_up_tables(session, plan_.tables, stop));
    const int version = session.server_version();
    std::string words =
        fmt::format("PostgreSQL {}.{} at {}, {} {}", version / 10'000, version % 10'000,
                    session.shown(), tables.size(), tables.size() == 1 ? "table" : "tables");
    if (plan_.poll) return words;
    return words + "; " + LEAT_TRY(plan_.slot.look(session, tables, stop));
  }

 private:
  Result<Connection> open_new_enough(const std::stop_token& stop) const {
    Connection session = LEAT_TRY(open_session(plan_.options, stop));
    constexpr int version_min = 130'000;
    if (session.server_version() >= version_min) return session;
    return user_error("server-too-old", "PostgreSQL {}: the source needs version 13 or newer",
                      session.shown());
  }

  Status attempt(RecordOutput& output) {
    output.status().set_state("connecting");
    Connection session = LEAT_TRY(open_new_enough(output.stop()));
    if (plan_.drop_slot) return plan_.slot.drop(session, output.stop());
    std::vector<SourceTable> tables =
        LEAT_TRY(look_up_tables(session, plan_.tables, output.stop()));
    if (plan_.poll)
      return poll(session, std::move(tables.front()), *plan_.poll, plan_.form, output);
    SourcePosition position;
    if (const auto stored = LEAT_TRY(output.writer().position())) {
      position = LEAT_TRY(SourcePosition::parse(*stored));
    }
    LEAT_TRY(find_slot(session, tables, position, output));
    if (!plan_.snapshot) {
      for (const SourceTable& table : tables) position.tables[table.shown].is_whole = true;
    }
    ChangeReader reader(session, std::move(tables), std::move(position), plan_.form, output);
    LEAT_TRY(reader.read_tables());
    Status ended = reader.follow(plan_.options, plan_.slot, plan_.lag_warn_bytes);
    if (!ended && ended.error().code == "object-missing")
      return renewed_publication(session, output);
    return ended;
  }

  /// The server reads its log with the catalogue of that time: it finds no publication in what was
  /// written between the one that was dropped and the one that `find_slot` made or found.
  Status renewed_publication(Connection& session, RecordOutput& output) {
    if (plan_.snapshot_when_lost) {
      spdlog::warn("postgresql source: publication {} was made anew; the tables are read again",
                   plan_.slot.publication);
      LEAT_TRY(plan_.slot.drop(session, output.stop()));
      return transient_error("publication-renewed", "PostgreSQL {}: publication {} was made anew",
                             session.shown(), plan_.slot.publication);
    }
    return external_error(
        "publication-renewed",
        "PostgreSQL {0}: publication {1} was dropped and made anew, and the server can't read the "
        "changes in between from slot {2}. Set `if_slot_lost: snapshot` to read the tables again; "
        "or, to do without those changes: SELECT pg_replication_slot_advance('{2}', "
        "pg_current_wal_lsn()), and the source goes on by itself",
        session.shown(), plan_.slot.publication, plan_.slot.name);
  }

  Status find_slot(Connection& session, const std::vector<SourceTable>& tables,
                   SourcePosition& position, RecordOutput& output) {
    Result<Lsn> begin = plan_.slot.make(session, tables, position.lsn == 0, output.stop());
    if (!begin && begin.error().code == "slot-lost" && plan_.snapshot_when_lost) {
      spdlog::warn("postgresql source: {}; the tables are read again", begin.error().message);
      LEAT_TRY(plan_.slot.drop(session, output.stop()));
      position = {};
      begin = plan_.slot.make(session, tables, true, output.stop());
    }
    const Lsn lsn = LEAT_TRY(std::move(begin));
    if (position.lsn == 0) position.lsn = lsn;
    return {};
  }

  const Plan plan_;
};

/// The server's rule for slots; publications have none, and share it here.
Status check_slot_name(const std::string& name) {
  constexpr std::size_t bytes_max = 63;
  const bool fine =
      !name.empty() && name.size() <= bytes_max && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  if (fine) return {};
  return user_error("bad-slot",
                    "postgresql source: `slot` must be a name of lower-case letters, digits and _, "
                    "of at most {} bytes, and only this source's; \"{}\" is none",
                    bytes_max, name);
}

}  // namespace
}  // namespace postgresql

Result<std::unique_ptr<LiveSource>> make_postgresql_source(const Settings& settings,
                                                           const Context& context) {
  using namespace postgresql;
  Plan plan;
  for (const std::string& name : settings.list("tables")) {
    plan.tables.push_back(LEAT_TRY(parse_table_name(name)));
  }
  if (plan.tables.empty()) {
    return user_error("bad-table", "postgresql source: `tables` names no table");
  }
  const Settings& poll = settings.group("poll");
  const bool polls = !poll.text("column").empty();
  plan.slot.name = settings.text("slot");
  plan.slot.publication =
      settings.text("publication").empty() ? plan.slot.name : settings.text("publication");
  if (polls) {
    if (plan.tables.size() != 1) {
      return user_error("bad-table", "postgresql source: `poll` reads one table, not {}",
                        plan.tables.size());
    }
    plan.poll = PollPlan{.column = poll.text("column"),
                         .every_ms = poll.duration_ms("every"),
                         .delay_ms = poll.duration_ms("delay"),
                         .rows_max = poll.integer("rows_max")};
  } else {
    LEAT_TRY(check_slot_name(plan.slot.name));
  }
  plan.options = LEAT_TRY(connect_options(settings, context, "leat source " + plan.slot.name));
  plan.form = settings.text("form") == "envelope" ? ChangeRecords::Form::envelope
                                                  : ChangeRecords::Form::rows;
  plan.snapshot = settings.flag("snapshot");
  plan.snapshot_when_lost = settings.text("if_slot_lost") == "snapshot";
  plan.drop_slot = settings.flag("drop_slot");
  plan.lag_warn_bytes = static_cast<std::uint64_t>(settings.integer("lag_warn"));
  return std::make_unique<PostgresqlSource>(std::move(plan));
}

}  // namespace leat::connector
