#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/error.h"
#include "server/response.h"

namespace leat::server {

/// Where in a body or query a fault is; what isn't known is left out.
struct Place {
  std::optional<std::size_t> line;      ///< from 1
  std::optional<std::size_t> column;    ///< from 1
  std::optional<std::size_t> record;    ///< index within the body
  std::optional<std::size_t> position;  ///< byte offset
};

/// A refusal as a client sees it.
struct ApiError {
  Error error;
  std::optional<Place> place = std::nullopt;
};

/// The one place where an error becomes an HTTP status.
unsigned status_of(const Error& error);

/// {"error": {"code", "message", "place", "retryable"}}
std::string json_of(const ApiError& error);

/// The whole answer, with Retry-After where a retry can help.
Response response_of(const ApiError& error);
Response response_of(const Error& error);

}  // namespace leat::server
