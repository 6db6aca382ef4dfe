#pragma once

#include <string>
#include <string_view>

namespace leat::server {

/// Appends one server-sent event. `data` is JSON: line ends in it are white space, and become
/// spaces. `id` may be empty.
void append_event(std::string_view id, std::string_view event, std::string_view data,
                  std::string& out);

/// Makes JSON text one line: line ends in it can only be white space.
void join_lines(std::string& json, std::size_t begin);

/// What keeps a quiet event stream open, and finds out that a client is gone.
inline constexpr std::string_view heartbeat_text = ": heartbeat\n\n";

}  // namespace leat::server
