#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat::connector::postgresql {

/// A value as the server writes it, told as JSON: booleans and numbers as such (NaN and infinities
/// as text), json and jsonb as they are, arrays nested, bytea in base64, timestamps as ISO 8601
/// (with Z where they have a zone: the session is in UTC), all others as text. `type` is the type's
/// oid. Never empty, and well-formed if the server's text is of the type.
void append_json_value(std::uint32_t type, std::string_view text, std::string& out);

}  // namespace leat::connector::postgresql
