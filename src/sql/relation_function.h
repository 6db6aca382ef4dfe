#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "sql/engine.h"
#include "sql/user_queries.h"
#include "sql/watchdog.h"

namespace leat::sql {

/// The table function through which a user's query reads a relation: `__leat_relation('name')`.
inline constexpr const char* relation_function = "__leat_relation";

/// One run of a user's query, as the table function sees it.
struct UserRun {
  Scanner& scanner;
  const Watchdog::Guard& guard;
  const std::size_t scan_bytes_max;
  std::mutex mutex = {};  ///< one scan at a time
  std::size_t scan_bytes = 0;
  std::optional<Error> failure = {};  ///< why a scan ended the query
};

/// Registers the function in the connection's database; `relations` must outlive that.
Status register_relation_function(duckdb_connection connection,
                                  const std::map<std::string, Schema>& relations);

/// While it lives, `__leat_relation` in what this thread prepares is bound to `run`.
class UserRunScope {
 public:
  explicit UserRunScope(UserRun& run);
  ~UserRunScope();
  UserRunScope(const UserRunScope&) = delete;
  UserRunScope& operator=(const UserRunScope&) = delete;
};

}  // namespace leat::sql
