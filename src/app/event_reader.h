#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace leat::app {

/// Takes server-sent events apart (WHATWG HTML, 9.2) as their bytes arrive.
class EventReader {
 public:
  struct Event {
    std::string type = "message";
    std::string data;
    std::string id;
  };
  /// `handle` gets each whole event; false ends the reading.
  explicit EventReader(std::function<bool(const Event&)> handle) : handle_(std::move(handle)) {}

  /// False when `handle` has said so.
  bool feed(std::string_view bytes);

 private:
  bool take_line(std::string_view line);

  const std::function<bool(const Event&)> handle_;
  std::string line_;
  Event event_;
  bool has_data_ = false;
};

}  // namespace leat::app
