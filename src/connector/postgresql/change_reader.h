#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/change_records.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/logical_message.h"
#include "connector/postgresql/record_output.h"
#include "connector/postgresql/source_position.h"
#include "connector/postgresql/source_tables.h"

namespace leat::connector::postgresql {

/// Reads tables as they are, then all changes since, over one pair of sessions, until one of them
/// fails or the stop. Every record is appended with the position after it, so that nothing is told
/// twice, whenever this ends. Used by one thread.
///
/// A snapshot is taken after the slot was made, so changes that it saw will come again: each names
/// its transaction, and those that the snapshot saw are left out. That holds as well for the second
/// snapshot with which a reading that was broken off goes on behind the last key.
class ChangeReader {
 public:
  ChangeReader(Connection& session, std::vector<SourceTable> tables, SourcePosition position,
               ChangeRecords::Form form, RecordOutput& output);

  /// Reads the tables that the position does not have whole.
  Status read_tables();
  /// Follows the slot. `lag_warn_bytes`: told when the slot holds back more of the server's log.
  Status follow(const ConnectOptions& options, const Slot& slot, std::uint64_t lag_warn_bytes);

 private:
  Status wait_until_all_is_visible();
  Status read_table(const SourceTable& table, const Visibility& visibility, Lsn until);
  Status read_rows(const SourceTable& table, TablePosition& at);

  Status take(std::string_view message, Connection& replication);
  Status apply(std::string_view bytes);
  Status change(const ChangeMessage& message);
  void truncate(const TruncateMessage& message);
  void begin(const BeginMessage& message);
  void describe(RelationMessage message);
  Status complete(const SourceTable& table, const ChangeMessage& message, Tuple& row,
                  std::vector<std::string>& unchanged);
  Result<bool> already_told(const SourceTable& table, const Tuple& row);
  Status flush();
  Status confirm(Connection& replication);
  Status watch(const Slot& slot, std::uint64_t lag_warn_bytes);
  SourceTable* find(std::uint32_t relation);

  Connection& session_;
  std::vector<SourceTable> tables_;
  SourcePosition position_;
  ChangeRecords records_;
  RecordOutput& output_;
  BeginMessage transaction_;
  bool in_transaction_ = false;
  std::uint64_t changes_ = 0;  ///< of the transaction, so far
  std::uint64_t skipped_ = 0;  ///< of these, told in an earlier run
  Lsn seen_ = 0;               ///< the server's log was read up to here
  Lsn confirmed_ = 0;
  std::deque<std::string> fetched_;  ///< large values that a change left out
  std::chrono::steady_clock::time_point confirm_at_{}, watch_at_{};
  bool warned_ = false;
};

}  // namespace leat::connector::postgresql
