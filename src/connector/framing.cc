#include "connector/framing.h"

#include <cstring>

namespace leat::connector {
namespace {

/// In no UTF-8 text, so that no decoder takes a record that was cut for a whole one.
constexpr char cut_mark = '\xFF';

}  // namespace

void Framing::take(std::span<char> record, std::int64_t offset, TimestampMs timestamp,
                   std::vector<Record>& records) const {
  std::size_t length = record.size();
  if (length > 0 && record[length - 1] == '\r') --length;
  if (length == 0) return;
  if (length > record_bytes_max) {
    length = record_bytes_max;
    record[length - 1] = cut_mark;
  }
  Record& taken = records.emplace_back();
  taken.offset = Offset(offset);
  taken.timestamp = timestamp;
  taken.value = {record.data(), length};
}

std::size_t Framing::cut_lines(std::span<char> bytes, std::int64_t offset, TimestampMs timestamp,
                               std::vector<Record>& records) const {
  char* const begin = bytes.data();
  char* const end = begin + bytes.size();
  char* line = begin;
  while (line < end) {
    auto* const stop =
        static_cast<char*>(std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    if (stop == nullptr) break;
    take({line, stop}, offset + (line - begin), timestamp, records);
    line = stop + 1;
  }
  return static_cast<std::size_t>(line - begin);
}

std::size_t Framing::row_end(std::string_view bytes, std::size_t begin) const {
  const char stops[] = {'\n', quote, '\0'};
  bool quoted = false;
  for (std::size_t at = begin;; ++at) {
    at = quoted ? bytes.find(quote, at) : bytes.find_first_of(std::string_view(stops, 2), at);
    if (at == std::string_view::npos) return at;
    if (quoted) {
      // A doubled quote is one in the text.
      if (at + 1 < bytes.size() && bytes[at + 1] == quote) {
        ++at;
      } else {
        quoted = false;
      }
    } else if (bytes[at] == '\n') {
      return at;
    } else {
      // A quote means something only where a field begins.
      quoted = at == begin || bytes[at - 1] == delimiter;
    }
  }
}

std::size_t Framing::cut(std::span<char> bytes, std::int64_t offset, TimestampMs timestamp,
                         std::vector<Record>& records) const {
  const bool has_quotes = kind == Kind::csv && !bytes.empty() &&
                          std::memchr(bytes.data(), quote, bytes.size()) != nullptr;
  if (!has_quotes) return cut_lines(bytes, offset, timestamp, records);
  const std::string_view text(bytes.data(), bytes.size());
  std::size_t row = 0;
  for (std::size_t end; (end = row_end(text, row)) != std::string_view::npos; row = end + 1) {
    take(bytes.subspan(row, end - row), offset + static_cast<std::int64_t>(row), timestamp,
         records);
  }
  return row;
}

}  // namespace leat::connector
