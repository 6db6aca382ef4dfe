#include "trial/difference.h"

#include <algorithm>

#include <fmt/format.h>

namespace leat::trial {
namespace {

/// Enough to see what is wrong.
constexpr std::size_t lines_max = 40;

std::size_t same_cells(const Difference::Line& a, const Difference::Line& b) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < a.cells.size(); ++i) same += a.cells[i] && a.cells[i] == b.cells[i];
  return same;
}

void mark_differences(Difference::Line& expected, Difference::Line& came) {
  for (std::size_t i = 0; i < expected.cells.size(); ++i) {
    expected.differs[i] = came.differs[i] = expected.cells[i] && expected.cells[i] != came.cells[i];
  }
}

}  // namespace

void add_lines(std::vector<Difference::Line> missing, std::vector<Difference::Line> surplus,
               Difference& difference) {
  const auto add = [&](Difference::Line line) {
    if (difference.lines.size() < lines_max) {
      difference.lines.push_back(std::move(line));
    } else {
      ++difference.lines_left_out;
    }
  };
  for (auto* lines : {&missing, &surplus}) {
    for (Difference::Line& line : *lines) line.differs.assign(line.cells.size(), false);
  }
  for (Difference::Line& expected : missing) {
    const auto nearest = std::ranges::max_element(
        surplus, {}, [&](const Difference::Line& line) { return same_cells(expected, line); });
    if (nearest == surplus.end() || (same_cells(expected, *nearest) == 0 && surplus.size() > 1)) {
      add(std::move(expected));
      continue;
    }
    mark_differences(expected, *nearest);
    add(std::move(expected));
    add(std::move(*nearest));
    surplus.erase(nearest);
  }
  for (Difference::Line& line : surplus) add(std::move(line));
}

std::string counts_text(std::string_view noun, std::size_t as_expected, std::size_t missing,
                        std::size_t surplus) {
  std::string out =
      fmt::format("{} {}{} as expected", as_expected, noun, as_expected == 1 ? "" : "s");
  if (missing > 0) out += fmt::format(", {} not there", missing);
  if (surplus > 0) out += fmt::format(", {} not expected", surplus);
  return out;
}

}  // namespace leat::trial
