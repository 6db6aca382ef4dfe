#pragma once

#include <memory>
#include <optional>
#include <string>

namespace leat::app {

/// Reads lines from a person, with editing and a history that is kept in
/// $XDG_STATE_HOME/leat/history (or ~/.local/state); from a pipe, plain lines.
class LineEditor {
 public:
  /// Lines of history kept.
  static constexpr int history_max = 1000;

  LineEditor();
  ~LineEditor();
  /// Nothing at the end of input.
  std::optional<std::string> read(const std::string& prompt);
  void remember(const std::string& entry);

 private:
  struct Editing;
  std::unique_ptr<Editing> editing_;  // null: not a terminal
};

}  // namespace leat::app
