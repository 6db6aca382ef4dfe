#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/connection.h"
#include "connector/postgresql/table_plan.h"

namespace leat::connector::postgresql {

/// The statements of a sink for a table as it is. Pure data.
struct Statements {
  std::string stage;         ///< makes the session's temporary tables; empty: none are needed
  std::string clear_stage;   ///< empties them
  std::string copy_rows;     ///< COPY … FROM STDIN of rows to be put in
  std::string merge_rows;    ///< moves them on; empty: COPY went straight into the table
  std::string copy_deletes;  ///< COPY … FROM STDIN of keys to be taken out
  std::string merge_deletes;
};

/// The table that a sink writes to, as the server has it.
class TargetTable {
 public:
  /// Looks at the table, changes nothing. Errors (user) where the table can never take the plan's
  /// rows: `table-missing`, `column-missing` (with `create: false`), `column-required`,
  /// `type-mismatch`, `key-not-unique`, `not-one-row`, `not-permitted`.
  static Result<TargetTable> look(Connection& connection, const TablePlan& plan,
                                  const std::stop_token& stop);

  /// Statements that make what is missing; none: all is there.
  const std::vector<std::string>& missing() const { return missing_; }
  bool exists() const { return oid_.has_value(); }
  /// Of a table that lacks nothing.
  Statements statements(const TablePlan& plan) const;

 private:
  struct Column {
    std::string name;
    std::uint32_t oid = 0;
    std::string type;
    std::string unbounded_type;  ///< without length or precision
    bool required = false;       ///< NOT NULL, and nothing that fills it
    bool needs_cast = false;     ///< by an explicit cast
  };

  Status look_for_table(Connection& connection, const TablePlan& plan, const std::stop_token& stop);
  Status look_at_columns(Connection& connection, const TablePlan& plan,
                         const std::stop_token& stop);
  Status look_at_key(Connection& connection, const TablePlan& plan, const std::stop_token& stop);
  Status look_at_rights(Connection& connection, const TablePlan& plan, const std::stop_token& stop);
  Status match(Connection& connection, const TablePlan& plan, const std::stop_token& stop);
  Status match_type(Connection& connection, const TablePlan& plan, const TablePlan::Column& wanted,
                    Column& found, const std::stop_token& stop);
  const Column* find(const std::string& name) const;
  std::string inserted(const TablePlan::Column& column) const;
  std::string compared(const TablePlan::Column& column) const;

  std::optional<std::string> oid_;
  bool row_security_ = false;
  std::vector<Column> columns_;
  std::vector<std::string> missing_;
};

}  // namespace leat::connector::postgresql
