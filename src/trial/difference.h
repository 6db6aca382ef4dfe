#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/graph.h"

namespace leat::trial {

/// What is not as a test expects, for people: a sentence and, of rows and dead letters, what was
/// expected beside what came. Pure data.
struct Difference {
  pipeline::Location at;             ///< of the expectation
  std::string what;                  ///< "view users_by_country"
  std::string message;               ///< what is wrong
  std::vector<std::string> columns;  ///< headings of the lines
  std::vector<bool> right_aligned;   ///< by column
  struct Line {
    bool expected = false;                          ///< else: what came
    std::vector<std::optional<std::string>> cells;  ///< nothing: not compared
    std::vector<bool> differs;                      ///< from the line that it stands beside
  };
  std::vector<Line> lines;
  std::size_t lines_left_out = 0;
};

/// Lines of the things that were expected and are not there (`missing`) and of those that are there
/// unexpected (`surplus`), the most similar of both beside each other.
void add_lines(std::vector<Difference::Line> missing, std::vector<Difference::Line> surplus,
               Difference& difference);

/// "3 rows as expected, 1 not there, 2 not expected".
std::string counts_text(std::string_view noun, std::size_t as_expected, std::size_t missing,
                        std::size_t surplus);

}  // namespace leat::trial
