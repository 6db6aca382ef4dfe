#pragma once

#include <optional>

#include <duckdb.h>

#include "base/error.h"
#include "model/schema.h"
#include "sql/program.h"

namespace leat::sql {

/// What `__leat_input()` stands for in one program: its columns, and while the program runs, the
/// rows. Used by the thread that prepares or runs the program. Its address must not change while a
/// statement bound to it lives.
struct InputSlot {
  Schema columns;  ///< with the added columns
  ChunkInput* rows = nullptr;
  std::optional<Error> failure;  ///< what `rows` said when it failed
};

/// The columns of a program's input, with those that Leat adds.
Schema with_added_columns(const Program::Input& input);

/// Registers `__leat_input` in the database of this connection; once a database.
Status register_input_function(duckdb_connection connection);

/// While it lives, `__leat_input()` in whatever this thread prepares or runs is bound to `slot`.
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
