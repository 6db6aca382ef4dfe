#include "app/event_reader.h"

#include <utility>

namespace leat::app {

bool EventReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const bool goes_on = take_line(line_);
    line_.clear();
    if (!goes_on) return false;
  }
  return true;
}

bool EventReader::take_line(std::string_view line) {
  if (line.empty()) {
    const Event event = std::exchange(event_, Event{});
    return !std::exchange(has_data_, false) || handle_(event);
  }
  if (line.front() == ':') return true;
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_.type = value;
  if (field == "id") event_.id = value;
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
  return true;
}

}  // namespace leat::app
