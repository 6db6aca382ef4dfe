#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace leat::server {

/// Undoes a body's Content-Encoding (`gzip`, `zstd`, `identity` or empty). Never makes more than
/// `bytes_max` bytes: memory stays bounded, whatever the body claims to be. The result has room for
/// simdjson's padding behind it. Errors: `unsupported-encoding`, `malformed-encoding`,
/// `body-too-large` (user).
Result<std::string> decode_content(std::string_view encoding, std::string body,
                                   std::size_t bytes_max);

}  // namespace leat::server
