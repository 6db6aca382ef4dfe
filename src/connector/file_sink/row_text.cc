#include "connector/file_sink/row_text.h"

#include <charconv>
#include <iterator>

namespace leat::connector {

Status RowText::append(const ChangeChunk& changes, std::string& out) const {
  const std::size_t rows = changes.rows.size();
  if (!changes_ && changes.weights.empty()) {
    format_ == Format::json ? encoder_.append_json_lines(changes.rows, out)
                            : encoder_.append_csv_lines(changes.rows, out);
    return {};
  }
  if (changes_) {
    for (std::size_t row = 0; row < rows; ++row) append_row(changes, row, out);
    return {};
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const std::int64_t weight = changes.weight(row);
    if (weight < 0) {
      return internal_error("row-taken-back",
                            "a row was taken back from a file sink without `changes: true`; this "
                            "should have been refused by `leat check`");
    }
    for (std::int64_t i = 0; i < weight; ++i) append_row(changes, row, out);
  }
  return {};
}

void RowText::append_row(const ChangeChunk& changes, std::size_t row, std::string& out) const {
  if (changes_) {
    char digits[24];
    const auto end = std::to_chars(digits, std::end(digits), changes.weight(row)).ptr;
    if (format_ == Format::json) out += R"({"weight":)";
    out.append(digits, end);
    if (format_ == Format::csv) out += ',';
  }
  if (format_ == Format::csv) {
    encoder_.append_csv(changes.rows, row, out);
  } else {
    const std::size_t brace = out.size();
    encoder_.append_json_object(changes.rows, row, out);
    // The object goes on after the weight: its opening brace becomes the comma.
    if (changes_) out[brace] = ',';
  }
  out += '\n';
}

std::string RowText::header() const {
  if (format_ == Format::json) return {};
  return (changes_ ? "weight," : "") + encoder_.csv_header() + "\n";
}

}  // namespace leat::connector
