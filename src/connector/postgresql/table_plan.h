#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/postgresql/column_type.h"
#include "connector/postgresql/copy_encoder.h"
#include "connector/sink_input.h"
#include "connector/spec.h"

namespace leat::connector::postgresql {

/// A table as SQL names it.
struct TableName {
  std::string schema;  ///< empty: found by the session's search_path
  std::string name;

  std::string quoted() const;
  std::string shown() const { return schema.empty() ? name : schema + "." + name; }
};

/// `users`, `sales.users`, `"odd.name"`; upper and lower case are kept. Error `bad-table` (user).
Result<TableName> parse_table_name(std::string_view text);

/// What a sink keeps in its table: worked out from the input's columns and the settings alone. Pure
/// data.
struct TablePlan {
  enum class Mode {
    append,      ///< every row is a new one
    upsert,      ///< one row a key
    single_row,  ///< the table is one row: a view without a key
  };
  struct Column {
    std::string name;
    CopyColumn copy;
    bool is_key = false;
  };

  TableName table;
  Mode mode = Mode::append;
  std::vector<Column> columns;
  std::vector<std::size_t> key;  ///< of an upsert: indices in the input's schema
  bool null_keys = false;
  bool create = true;
  /// A topic's record without a value takes its key's row away.
  bool tombstones_delete = false;

  std::vector<std::string> key_names() const;
  std::string create_table() const;
  std::string add_column(const Column& column) const;
};

/// Errors (user): `bad-table`, `bad-key`, `type-not-kept`, `column-twice`.
Result<TablePlan> plan_table(const SinkInput& input, const Settings& settings);

}  // namespace leat::connector::postgresql
