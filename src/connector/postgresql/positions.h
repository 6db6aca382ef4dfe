#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/table_plan.h"

namespace leat::connector::postgresql {

/// The sink's row in the table of positions, which is written in the same transactions as the
/// sink's rows. The row also names who owns it: each session that opens it takes it over under a
/// token of its own, and a session whose token is no longer there can't commit anything more.
/// Used by one thread.
class Position {
 public:
  Position(TableName table, std::string name, bool create)
      : table_(std::move(table)), name_(std::move(name)), create_(create) {}

  /// Makes the table where it is missing. Error `table-missing` (user) where that is not wanted.
  Status make_table(Connection& connection, const std::stop_token& stop);
  /// Takes the row over, waiting for a transaction that is still under way there. The first time
  /// from whoever has it; later only from this object's own earlier session: error `sink-fenced`
  /// when another instance has come in between. Gives the position, or nothing before the first
  /// write.
  Result<std::optional<std::string>> take_over(Connection& connection, const std::stop_token& stop);
  /// A statement that stores the position and counts one row, or no row where this session is no
  /// longer the owner.
  std::string store(Connection& connection, std::string_view position) const;
  /// Why `store` counted no row: `sink-fenced`, or `position-lost` (transient) where the row is
  /// gone, and opening again makes it anew.
  Status why_not_stored(Connection& connection, const std::stop_token& stop) const;
  bool table_exists(Connection& connection, const std::stop_token& stop);
  std::string create_table() const;

 private:
  TableName table_;
  std::string name_;
  bool create_;
  std::string token_;  ///< empty: this object never had the row
};

}  // namespace leat::connector::postgresql
