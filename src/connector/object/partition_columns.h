#pragma once

#include <string>
#include <string_view>

namespace leat::connector::object {

/// The columns that an object's path gives its rows: of `year=2026/city=New%20York/a.parquet` it is
/// `,"year":2026,"city":"New York"`, to be put at the end of each row's JSON object.
std::string partition_columns(std::string_view key);

/// Appends a text as a JSON value: what JSON would write as a number is one, digit for digit (a
/// column of text takes it as it stands), all else is text.
void append_json_value(std::string_view text, std::string& out);

}  // namespace leat::connector::object
