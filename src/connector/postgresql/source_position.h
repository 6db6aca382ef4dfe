#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/logical_message.h"

namespace leat::connector::postgresql {

/// Which transactions a snapshot of the database sees: what `pg_current_snapshot()` says.
class Visibility {
 public:
  /// "10:20:10,14": all before 10, of those before 20 all but 10 and 14. Error
  /// `position-malformed` (external).
  static Result<Visibility> parse(std::string_view text);
  const std::string& text() const { return text_; }
  /// `transaction`: the lower half of its number, as replication tells it.
  bool sees(std::uint32_t transaction) const;

 private:
  std::string text_;
  std::uint64_t first_running_ = 0, next_ = 0;
  std::vector<std::uint64_t> running_;
};

/// A part of a table that was read at one go: the rows with keys after `after`, as one snapshot
/// saw them. What the snapshot saw must not be told again when the changes that made it arrive.
struct SnapshotRun {
  Visibility visibility;
  Lsn until = 0;  ///< all that it saw was committed before here
  std::optional<std::vector<std::string>> after;
};

struct TablePosition {
  std::vector<SnapshotRun> runs;                 ///< the later, the greater the keys
  std::optional<std::vector<std::string>> last;  ///< the key read last
  bool is_whole = false;
};

/// Where a source of changes goes on, stored with its records. Pure data.
struct SourcePosition {
  Lsn lsn = 0;  ///< all transactions before here are told; 0: none is, and there is no slot yet
  /// Of the transaction that commits here, so many changes are told already.
  Lsn partial_lsn = 0;
  std::uint64_t partial_changes = 0;
  std::map<std::string, TablePosition> tables;

  std::string text() const;
  /// Error `position-malformed` (external).
  static Result<SourcePosition> parse(const std::string& text);
};

}  // namespace leat::connector::postgresql
