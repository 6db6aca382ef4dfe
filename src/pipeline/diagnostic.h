#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/graph.h"

namespace leat::pipeline {

/// error: the pipeline can't run. warning: it can, but probably not as it was meant. note: worth
/// knowing.
enum class Severity { error, warning, note };

/// One finding about a pipeline file. `message` says what is wrong and, after a semicolon, what to
/// write instead.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;
  std::string message;
  Location at;
};

std::string_view to_string(Severity severity);
/// `file:line:col: error[code]: message`; the place is left out as far as it is not known.
std::string to_text(const Diagnostic& diagnostic);
/// All of them as a JSON array of {severity, code, message, file, line, column}.
std::string to_json(std::span<const Diagnostic> diagnostics);
/// "1 error, 2 warnings", or "" when there are neither.
std::string summary(std::span<const Diagnostic> diagnostics);

/// Gathers the findings of one check. Texts that came from the environment or from a file are taken
/// out of every message before it is given out. Used by one thread.
class Diagnostics {
 public:
  /// `text` must never be seen; messages say `shown` in its place.
  void hide(std::string text, std::string shown);

  void error(Location at, std::string_view code, std::string message);
  void warning(Location at, std::string_view code, std::string message);
  void note(Location at, std::string_view code, std::string message);

  bool has_errors() const { return errors_ != 0; }
  std::size_t errors() const { return errors_; }
  /// In the order of their places, each once. Leaves nothing behind.
  std::vector<Diagnostic> take();

 private:
  void add(Severity severity, Location at, std::string_view code, std::string message);
  std::string redacted(std::string message) const;

  std::vector<Diagnostic> found_;
  std::vector<std::pair<std::string, std::string>> hidden_;  // longest first
  std::size_t errors_ = 0;
};

/// A user's text as it may stand in a message: on one line, without control characters, clipped.
std::string printable(std::string_view text, std::size_t length_max = 80);

}  // namespace leat::pipeline
