#pragma once

#include <memory>

#include "sql/handles.h"

namespace leat::sql {

/// One connection; keeps its database open.
class Session {
 public:
  Session(std::shared_ptr<const DatabaseHandle> database, ConnectionHandle connection)
      : database_(std::move(database)), connection_(std::move(connection)) {}

  duckdb_connection connection() const { return connection_.get(); }

 private:
  std::shared_ptr<const DatabaseHandle> database_;
  ConnectionHandle connection_;
};

}  // namespace leat::sql
