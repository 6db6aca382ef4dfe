#include "connector/object/partition_columns.h"

#include "connector/url.h"
#include "format/encoder.h"
#include "sql/parquet_writer.h"

namespace leat::connector::object {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Passes over digits; false: there are none.
bool pass_digits(std::string_view text, std::size_t& at) {
  const std::size_t begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at > begin;
}

/// By JSON's grammar: no plus, no leading zeros, no bare point.
bool is_json_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = at;
  if (!pass_digits(text, at)) return false;
  if (text[whole] == '0' && at > whole + 1) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!pass_digits(text, at)) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!pass_digits(text, at)) return false;
  }
  return at == text.size();
}

}  // namespace

void append_json_value(std::string_view text, std::string& out) {
  if (is_json_number(text)) {
    out += text;
  } else {
    format::append_json_string(text, out);
  }
}

std::string partition_columns(std::string_view key) {
  std::string columns;
  for (std::size_t begin = 0, end; (end = key.find('/', begin)) != std::string_view::npos;
       begin = end + 1) {
    const std::string_view part = key.substr(begin, end - begin);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    columns += ',';
    format::append_json_string(percent_decoded(part.substr(0, equals)), columns);
    columns += ':';
    const std::string value = percent_decoded(part.substr(equals + 1));
    if (value == sql::parquet_null_partition) {
      columns += "null";
    } else {
      append_json_value(value, columns);
    }
  }
  return columns;
}

}  // namespace leat::connector::object
