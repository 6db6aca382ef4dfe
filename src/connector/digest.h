#pragma once

#include <string>
#include <string_view>

namespace leat::connector {

/// HMAC-SHA-256 of the text under the key, in lower-case hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view text);

/// The same as 32 bytes.
std::string hmac_sha256_bytes(std::string_view key, std::string_view text);

/// SHA-256 of the text, in lower-case hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace leat::connector
