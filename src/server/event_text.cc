#include "server/event_text.h"

#include <algorithm>

namespace leat::server {

void join_lines(std::string& json, std::size_t begin) {
  std::replace_if(
      json.begin() + static_cast<std::ptrdiff_t>(begin), json.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void append_event(std::string_view id, std::string_view event, std::string_view data,
                  std::string& out) {
  if (!id.empty()) {
    out += "id: ";
    out += id;
    out += '\n';
  }
  out += "event: ";
  out += event;
  out += "\ndata: ";
  const std::size_t begin = out.size();
  out += data;
  join_lines(out, begin);
  out += "\n\n";
}

}  // namespace leat::server
