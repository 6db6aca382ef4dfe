#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leat::format {

/// Bytes before the first one that is no valid UTF-8; the text's size where all is valid.
std::size_t valid_utf8_bytes(std::string_view text);
inline bool is_utf8(std::string_view text) { return valid_utf8_bytes(text) == text.size(); }
/// At most `bytes_max` bytes of the text for a message: cut between characters, `…` where cut,
/// what is no UTF-8 or a control character as `?`.
std::string excerpt(std::string_view text, std::size_t bytes_max = 48);

}  // namespace leat::format
