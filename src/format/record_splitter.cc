#include "format/record_splitter.h"

#include <algorithm>
#include <utility>

namespace leat::format {
namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

}  // namespace

std::size_t RecordSplitter::find_end(std::string_view buffer, std::size_t begin) {
  if (!options_.csv) return buffer.find('\n', begin);
  // Doubled quotes leave and enter again, which comes to the same.
  bool quoted = std::exchange(skipping_quoted_, false);
  std::size_t at = begin;
  while (true) {
    if (quoted) {
      at = buffer.find(options_.quote, at);
    } else {
      const std::size_t end = buffer.find('\n', at);
      const std::size_t quote = buffer.substr(0, end).find(options_.quote, at);
      if (quote == std::string_view::npos && end != std::string_view::npos) return end;
      at = quote;
    }
    if (at == std::string_view::npos) break;
    ++at;
    quoted = !quoted;
  }
  if (skipping_) skipping_quoted_ = quoted;
  return std::string_view::npos;
}

std::size_t RecordSplitter::split(std::string_view buffer, bool last,
                                  std::vector<RecordSpan>& records) {
  std::size_t at = 0;
  while (at < buffer.size()) {
    std::size_t end = find_end(buffer, at);
    const bool whole = end != std::string_view::npos;
    if (skipping_) {
      if (!whole) return buffer.size();
      skipping_ = false;
      at = end + 1;
      continue;
    }
    if (!whole) {
      end = buffer.size();
      if (end - at > options_.record_bytes_max) {
        records.push_back({at, std::min(too_large_kept_bytes, end - at), true});
        skipping_ = true;
        // Once more over what is there, to know whether it ends inside of quotes.
        find_end(buffer, at);
        if (last) skipping_ = skipping_quoted_ = false;
        return buffer.size();
      }
      if (!last) return at;
    }
    std::string_view line = buffer.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > options_.record_bytes_max) {
      records.push_back({at, std::min(too_large_kept_bytes, line.size()), true});
    } else if (options_.csv ? !line.empty() : !is_blank(line)) {
      records.push_back({at, line.size(), false});
    }
    at = whole ? end + 1 : end;
  }
  return at;
}

}  // namespace leat::format
