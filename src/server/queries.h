#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "runtime/engine.h"
#include "server/api_error.h"
#include "server/options.h"

namespace leat::server {

/// SQL from users over the engine's views and streams: read only, all as of one epoch, within
/// limits. Thread-safe.
class Queries {
 public:
  static Result<std::unique_ptr<Queries>> open(runtime::Engine& engine, const Limits& limits);
  virtual ~Queries() = default;

  struct Summary {
    bool truncated = false;  ///< `rows_max` cut it
    double elapsed_ms = 0;
  };
  struct Receiver {
    std::function<void(const Schema&, Epoch)> begin;  ///< once, before the rows
    std::function<bool(const Chunk&)> rows;           ///< false: no more are wanted
  };
  /// Errors: `sql-invalid` and its like, with the place; `not-read-only`, `query-too-large` (user);
  /// `query-timeout`, `too-many-queries` (external, retryable).
  virtual std::expected<Summary, ApiError> run(const std::string& sql, std::size_t rows_max,
                                               const Receiver& receiver) = 0;
  /// Ends the queries that run and those that come, with `query-cancelled`.
  virtual void cancel() = 0;
};

}  // namespace leat::server
