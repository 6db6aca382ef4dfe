#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace leat::pipeline {

/// What is wrong with a text and what to write instead; never holds the text itself, which may be a
/// secret.
using Unreadable = std::string;
template <class T>
using Read = std::expected<T, Unreadable>;

Read<std::int64_t> read_integer(std::string_view text);
Read<double> read_number(std::string_view text);
/// true or false.
Read<bool> read_boolean(std::string_view text);
/// "250ms", "1.5s", "5m", "1h", "7d", or 0; in milliseconds.
Read<std::int64_t> read_duration_ms(std::string_view text);
/// "64KiB", "10MB", "1GiB", or a number of bytes.
Read<std::int64_t> read_bytes(std::string_view text);
/// RFC 6901: "" or "/a/b~1c/0".
Read<std::string> read_json_pointer(std::string_view text);
/// A name as one step of a JSON pointer.
std::string json_pointer_to(std::string_view name);
/// ISO 8601, as 2026-01-31T23:59:59.999Z; in milliseconds since 1970.
Read<std::int64_t> read_time_ms(std::string_view text);
/// scheme://host[:port][/…] of one of `schemes`.
Read<std::string> read_url(std::string_view text, const std::vector<std::string>& schemes);

/// As a person writes them: "90s", "1h", "64KiB".
std::string duration_text(std::int64_t milliseconds);
std::string bytes_text(std::int64_t bytes);

}  // namespace leat::pipeline
