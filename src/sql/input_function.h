#pragma once

#include <optional>

#include <duckdb.h>

#include "base/error.h"
#include "model/schema.h"
#include "sql/program.h"

namespace leat::sql {

/// A relation that a program reads: its columns, and while the program runs, the rows.
struct RelationSlot {
  Schema columns;
  ChunkInput* rows = nullptr;
  std::optional<Error> failure = {};  ///< what `rows` said when it failed
};

/// What `__leat_input()` and `__leat_lookup('…')` stand for in one program. Used by the thread that
/// prepares or runs the program. Its address must not change while a statement bound to it lives.
struct InputSlot {
  explicit InputSlot(const Program::Input& program_input);
  InputSlot(const InputSlot&) = delete;
  InputSlot& operator=(const InputSlot&) = delete;

  RelationSlot input;              ///< with the added columns
  std::vector<std::string> names;  ///< of `lookups`
  std::vector<RelationSlot> lookups;
};

/// Registers `__leat_input` and `__leat_lookup` in the database of this connection; once a
/// database.
Status register_input_functions(duckdb_connection connection);

/// While it lives, these functions in whatever this thread prepares or runs are bound to `slot`.
/// DuckDB binds on the calling thread.
class InputScope {
 public:
  explicit InputScope(InputSlot& slot);
  ~InputScope();
  InputScope(const InputScope&) = delete;
  InputScope& operator=(const InputScope&) = delete;

 private:
  InputSlot* before_;
};

}  // namespace leat::sql
