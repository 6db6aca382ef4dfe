#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace leat::connector {

/// What the look-alike API does wrong on purpose, and how often. As text:
///
///   slow:2s      answers rightly, but only after that time
///   status:503   answers with this status (429 and 503 with `Retry-After: 1`) and an error body
///   malformed    answers 200 with JSON that breaks off
///   cut          sends half of the answer and closes the connection
///
/// followed by `@3` for every third request, `%10` for one request in ten by chance (repeatable),
/// or nothing for every request.
struct MockFault {
  enum class Kind { slow, status, malformed, cut };
  Kind kind = Kind::slow;
  std::chrono::milliseconds delay{0};
  unsigned status = 0;
  std::uint64_t every = 1;  ///< n-th request; 0: by chance
  unsigned percent = 0;

  /// Whether request number `request` (from 1) is hit.
  bool hits(std::uint64_t request) const;
};

/// Error `bad-fault` (user) with the forms above.
Result<MockFault> parse_mock_fault(std::string_view text);

}  // namespace leat::connector
