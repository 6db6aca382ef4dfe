#include "format/csv_record.h"

#include <cstring>

namespace leat::format {
namespace {

/// The text between the quotes, each doubled quote as one.
std::string_view undouble(std::string_view inside, char quote, TextArena& arena) {
  char* const begin = arena.allocate(inside.size());
  char* out = begin;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    *out++ = inside[i];
    if (inside[i] == quote) ++i;
  }
  const auto written = static_cast<std::size_t>(out - begin);
  arena.give_back(inside.size() - written);
  return {begin, written};
}

}  // namespace

const char* split_csv(std::string_view row, char delimiter, char quote, TextArena& arena,
                      std::vector<CsvField>& fields, std::size_t& position) {
  fields.clear();
  std::size_t at = 0;
  while (true) {
    if (at < row.size() && row[at] == quote) {
      const std::size_t begin = ++at;
      bool doubled = false;
      while (true) {
        at = row.find(quote, at);
        if (at == std::string_view::npos) {
          position = begin - 1;
          return "a quoted field without its end";
        }
        if (at + 1 == row.size() || row[at + 1] != quote) break;
        doubled = true;
        at += 2;
      }
      const std::string_view inside = row.substr(begin, at - begin);
      fields.push_back({doubled ? undouble(inside, quote, arena) : inside, true});
      ++at;
      if (at != row.size() && row[at] != delimiter) {
        position = at;
        return "text after the closing quote of a field";
      }
    } else {
      const std::size_t end = std::min(row.find(delimiter, at), row.size());
      const std::string_view text = row.substr(at, end - at);
      const std::size_t stray = text.find(quote);
      if (stray != std::string_view::npos) {
        position = at + stray;
        return "a quote inside of a field that is not quoted";
      }
      fields.push_back({text, false});
      at = end;
    }
    if (at == row.size()) return nullptr;
    ++at;
  }
}

}  // namespace leat::format
