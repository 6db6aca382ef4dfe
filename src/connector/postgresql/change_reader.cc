#include "connector/postgresql/change_reader.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "connector/postgresql/big_endian.h"
#include "connector/postgresql/session.h"

namespace leat::connector::postgresql {
namespace {

using std::chrono::steady_clock;
using Parameters = std::vector<std::optional<std::string>>;

constexpr std::size_t append_bytes = 1 << 20;
constexpr std::size_t append_records = 4096;
constexpr std::int64_t idle_wait_ms = 500;
constexpr auto confirm_every = std::chrono::seconds(1);
constexpr auto watch_every = std::chrono::seconds(10);

}  // namespace

ChangeReader::ChangeReader(Connection& session, std::vector<SourceTable> tables,
                           SourcePosition position, ChangeRecords::Form form, RecordOutput& output)
    : session_(session),
      tables_(std::move(tables)),
      position_(std::move(position)),
      records_(form),
      output_(output) {}

SourceTable* ChangeReader::find(std::uint32_t relation) {
  const auto found = std::ranges::find_if(
      tables_, [&](const SourceTable& table) { return table.relation.relation == relation; });
  return found == tables_.end() ? nullptr : &*found;
}

Status ChangeReader::follow(const ConnectOptions& options, const Slot& slot,
                            std::uint64_t lag_warn_bytes) {
  ConnectOptions replicating = options;
  replicating.parameters.emplace_back("replication", "database");
  Connection replication = LEAT_TRY(open_session(replicating, output_.stop()));
  LEAT_TRY(replication.run(
      fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names "
                  "{})",
                  quoted_name(slot.name), lsn_text(position_.lsn),
                  replication.quoted_text(quoted_name(slot.publication))),
      output_.stop()));
  output_.status().set_state("streaming");
  output_.status().set_error("");
  auto heard_at = steady_clock::now();
  while (true) {
    const auto message =
        replication.get_copy(records_.size() > 0 ? 1 : idle_wait_ms, output_.stop());
    if (message) {
      heard_at = steady_clock::now();
      if (!*message) return transient_error("connection-lost", "the server ended the replication");
      LEAT_TRY(take(**message, replication));
      if (records_.bytes() >= append_bytes || records_.size() >= append_records) LEAT_TRY(flush());
    } else if (message.error().code == "nothing-yet") {
      LEAT_TRY(flush());
      if (steady_clock::now() - heard_at > std::chrono::milliseconds(options.timeout_ms)) {
        return transient_error("timed-out", "PostgreSQL {}: the server does not answer",
                               replication.shown());
      }
    } else {
      return std::unexpected(message.error());
    }
    LEAT_TRY(confirm(replication));
    LEAT_TRY(watch(slot, lag_warn_bytes));
  }
}

/// 'w': a part of the log; 'k': a sign of life.
Status ChangeReader::take(std::string_view message, Connection& replication) {
  constexpr std::size_t log_header = 1 + 8 + 8 + 8, sign_bytes = 1 + 8 + 8 + 1;
  if (message.starts_with('w') && message.size() >= log_header) {
    return apply(message.substr(log_header));
  }
  if (message.starts_with('k') && message.size() >= sign_bytes) {
    // Only between transactions: what comes after it is none that is under way.
    if (!in_transaction_) seen_ = std::max(seen_, read_integer<std::uint64_t>(message.substr(1)));
    if (message[sign_bytes - 1] != 0) {
      LEAT_TRY(flush());
      confirm_at_ = {};
      return confirm(replication);
    }
  }
  return {};
}

Status ChangeReader::apply(std::string_view bytes) {
  LogicalMessage message = LEAT_TRY(parse_message(bytes));
  if (const auto* begun = std::get_if<BeginMessage>(&message)) {
    begin(*begun);
  } else if (const auto* changed = std::get_if<ChangeMessage>(&message)) {
    return change(*changed);
  } else if (auto* described = std::get_if<RelationMessage>(&message)) {
    describe(std::move(*described));
  } else if (const auto* truncated = std::get_if<TruncateMessage>(&message)) {
    truncate(*truncated);
  } else if (const auto* committed = std::get_if<CommitMessage>(&message)) {
    in_transaction_ = false;
    position_.lsn = committed->end_lsn;
    position_.partial_lsn = position_.partial_changes = 0;
  }
  return {};
}

void ChangeReader::begin(const BeginMessage& message) {
  transaction_ = message;
  in_transaction_ = true;
  changes_ = 0;
  skipped_ = message.commit_lsn == position_.partial_lsn ? position_.partial_changes : 0;
  // All or none: an old run still says which keys the later ones did not read.
  for (auto& [name, table] : position_.tables) {
    const bool is_over = table.is_whole && std::ranges::all_of(table.runs, [&](const auto& run) {
                           return run.until < message.commit_lsn;
                         });
    if (is_over) table.runs.clear();
  }
}

void ChangeReader::describe(RelationMessage message) {
  SourceTable* table = find(message.relation);
  if (table == nullptr) return;
  const std::vector<RelationColumn> before = table->relation.columns;
  table->describe(message);
  if (before == table->relation.columns) return;
  std::string names;
  for (const RelationColumn& column : table->relation.columns) {
    names += (names.empty() ? "" : ", ") + column.name;
  }
  spdlog::info("postgresql source: table {} has changed; its columns are now {}", table->shown,
               names);
}

Status ChangeReader::change(const ChangeMessage& message) {
  const SourceTable* table = find(message.relation);
  if (table == nullptr || ++changes_ <= skipped_) return {};
  const ChangePlace place{transaction_.commit_lsn, transaction_.commit_us,
                          transaction_.transaction};
  const Tuple* old_row = message.old_row ? &*message.old_row : nullptr;
  if (message.kind == ChangeMessage::Kind::remove) {
    if (old_row != nullptr && !LEAT_TRY(already_told(*table, *old_row))) {
      records_.add_delete(table->relation, *old_row, message.old_is_whole, place);
    }
    return {};
  }
  Tuple row = message.row;
  std::vector<std::string> unchanged;
  LEAT_TRY(complete(*table, message, row, unchanged));
  const bool moved = old_row != nullptr && table->key_of(*old_row) != table->key_of(row);
  // A row whose key changes is one that goes and another that comes.
  if (moved && !LEAT_TRY(already_told(*table, *old_row))) {
    records_.add_delete(table->relation, *old_row, message.old_is_whole, place);
  }
  if (LEAT_TRY(already_told(*table, row))) return {};
  const bool created = moved || message.kind == ChangeMessage::Kind::insert;
  const Tuple* before = !created && message.old_is_whole ? old_row : nullptr;
  records_.add_row(created ? 'c' : 'u', table->relation, row, before, unchanged, place);
  fetched_.clear();
  return {};
}

/// A large value that did not change is not sent: it is in the old row, where that is sent, or
/// else in the table. It may be newer there; then the change that made it so is still to come.
Status ChangeReader::complete(const SourceTable& table, const ChangeMessage& message, Tuple& row,
                              std::vector<std::string>& unchanged) {
  std::vector<std::size_t> missing;
  std::string names;
  for (std::size_t i = 0; i < row.size() && i < table.relation.columns.size(); ++i) {
    if (row[i].kind != TupleValue::Kind::unchanged) continue;
    if (message.old_is_whole && i < message.old_row->size()) {
      row[i] = (*message.old_row)[i];
      continue;
    }
    unchanged.push_back(table.relation.columns[i].name);
    names += (missing.empty() ? "" : ", ") + quoted_name(unchanged.back());
    missing.push_back(i);
  }
  if (missing.empty()) return {};
  const std::string where = table.is_key(session_, table.key_of(row));
  const std::vector<Rows> found = LEAT_TRY(session_.run(
      fmt::format("SELECT {} FROM {} WHERE {}", names, table.quoted, where), output_.stop()));
  for (std::size_t k = 0; k < missing.size(); ++k) {
    TupleValue& value = row[missing[k]];
    value = {};
    if (found.back().size() != 1 || !found.back().text(0, k)) continue;
    value.kind = TupleValue::Kind::text;
    value.text = fetched_.emplace_back(*found.back().text(0, k));
  }
  return {};
}

void ChangeReader::truncate(const TruncateMessage& message) {
  if (++changes_ <= skipped_) return;
  for (const std::uint32_t relation : message.relations) {
    const SourceTable* table = find(relation);
    if (table == nullptr) continue;
    spdlog::warn(
        "postgresql source: table {} was truncated; `form: envelope` tells that, `form: "
        "rows` can't",
        table->shown);
    records_.add_truncate(table->relation, {transaction_.commit_lsn, transaction_.commit_us,
                                            transaction_.transaction});
  }
}

/// Whether the snapshot that read this key saw the transaction.
Result<bool> ChangeReader::already_told(const SourceTable& table, const Tuple& row) {
  const std::vector<SnapshotRun>& runs = position_.tables[table.shown].runs;
  const auto sees = [&](const SnapshotRun& run) {
    return run.visibility.sees(transaction_.transaction);
  };
  if (std::ranges::none_of(runs, sees)) return false;
  if (std::ranges::all_of(runs, sees)) return true;
  const std::vector<std::string> key = table.key_of(row);
  for (std::size_t i = runs.size(); i-- > 0;) {
    if (runs[i].after) {
      const std::vector<Rows> compared = LEAT_TRY(
          session_.run("SELECT " + table.is_after(session_, key, *runs[i].after), output_.stop()));
      if (compared.back().string(0, 0) != "t") continue;
    }
    return sees(runs[i]);
  }
  return false;
}

Status ChangeReader::flush() {
  if (records_.size() == 0) return {};
  SourcePosition position = position_;
  if (in_transaction_) {
    position.partial_lsn = transaction_.commit_lsn;
    position.partial_changes = changes_;
  }
  return output_.append(records_, position.text());
}

/// Tells the server what is ours for good, so that it need not keep it.
Status ChangeReader::confirm(Connection& replication) {
  const auto now = steady_clock::now();
  if (now < confirm_at_) return {};
  confirm_at_ = now + confirm_every;
  if (records_.size() > 0) return {};
  confirmed_ = std::max({confirmed_, position_.lsn, in_transaction_ ? Lsn{0} : seen_});
  std::string message = "r";
  for (int i = 0; i < 3; ++i) append_integer(confirmed_, message);  // written, flushed, applied
  append_integer(std::uint64_t{0}, message);                        // our clock: of no use there
  message += '\0';
  return replication.put_copy(message, output_.stop());
}

Status ChangeReader::watch(const Slot& slot, std::uint64_t lag_warn_bytes) {
  const auto now = steady_clock::now();
  if (now < watch_at_) return {};
  watch_at_ = now + watch_every;
  const Rows found = LEAT_TRY(session_.run_with(
      "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, "
      "coalesce(wal_status, '') FROM pg_replication_slots WHERE slot_name = $1",
      Parameters{slot.name}, output_.stop()));
  if (found.size() == 0) return {};
  const std::uint64_t held = std::stoull("0" + found.string(0, 0));
  output_.status().held_back_bytes = static_cast<std::int64_t>(held);
  const bool endangered = held > lag_warn_bytes || found.string(0, 1) == "unreserved";
  if (endangered && !warned_) {
    spdlog::warn(
        "postgresql source: replication slot {} holds back {} MiB of the server's log "
        "(wal_status {})",
        slot.name, held >> 20, found.string(0, 1));
  }
  warned_ = endangered;
  return {};
}

}  // namespace leat::connector::postgresql
