#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"

namespace leat::connector::postgresql {

/// Numeric addresses of a host, in the resolver's order, without ever blocking longer than until
/// the deadline or `stop`: libpq itself would wait for a dead name server. Errors: `not-resolved`
/// (transient), `stopped`.
Result<std::vector<std::string>> resolve(const std::string& host,
                                         std::chrono::steady_clock::time_point deadline,
                                         const std::stop_token& stop);

}  // namespace leat::connector::postgresql
