#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace leat::pipeline {

/// Where `${NAME}` and `${file:PATH}` in a pipeline file get their values from.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<Result<std::string>(const std::string& path)> file;

  /// The process's own variables and files (of 1 MiB at most).
  static Environment of_process();
};

/// A part of a text that was put in for a reference.
struct Insertion {
  std::size_t begin = 0;  ///< in the expanded text
  std::size_t end = 0;
  std::size_t raw_begin = 0;  ///< the reference, in the text as written
  std::size_t raw_end = 0;
  std::string shown;     ///< what a message may say in its place: the reference without its default
  bool outside = false;  ///< the value came from a variable or file: never to be printed
};

struct Expansion {
  std::string text;
  std::vector<Insertion> insertions;
  /// Every value that came from a variable or a file, those inside defaults too, and its reference.
  std::vector<std::pair<std::string, std::string>> outside;
};

struct ExpansionFault {
  std::string code;
  std::string message;
  std::size_t position = 0;  ///< of the reference, in the text as written
};

/// Replaces `${NAME}`, `${NAME:-default}` (taken where the variable is unset or empty) and
/// `${file:PATH}` (without the newline at its end); `$$` is one dollar sign and any other `$` is
/// left alone. A default may hold references itself.
std::expected<Expansion, ExpansionFault> expand(std::string_view text,
                                                const Environment& environment);

/// Where in the text as written the expanded text's byte `position` is.
std::size_t raw_position(const std::vector<Insertion>& insertions, std::size_t position);

}  // namespace leat::pipeline
