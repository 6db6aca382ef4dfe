#include "app/test_output.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

namespace leat::app {
namespace {

using nlohmann::json;
using trial::Difference;
using trial::TestResult;

constexpr std::size_t cell_width_max = 60;

double ms_of(const TestResult& result) {
  return static_cast<double>(result.duration.count()) / 1000;
}

std::size_t failed_of(const std::vector<TestResult>& results) {
  return static_cast<std::size_t>(
      std::ranges::count_if(results, [](const TestResult& result) { return !result.passed(); }));
}

double ms_of(const std::vector<TestResult>& results) {
  double ms = 0;
  for (const TestResult& result : results) ms += ms_of(result);
  return ms;
}

std::string place_of(const pipeline::Location& at) {
  return fmt::format("{}:{}:{}", at.file, at.line, at.column);
}

/// The columns in which a line differs from the one beside it.
std::string differing(const Difference& difference, const Difference::Line& line) {
  std::string out;
  for (std::size_t i = 0; i < line.differs.size(); ++i) {
    if (!line.differs[i]) continue;
    out += (out.empty() ? "← " : ", ") + difference.columns[i];
  }
  return out;
}

/// The lines of a difference as a table; those that were expected in one colour, those that came in
/// another.
std::string lines_text(const Difference& difference, const Paint& paint) {
  if (difference.lines.empty()) return "";
  std::vector<std::string> header = {""};
  std::vector<bool> right = {false};
  header.insert(header.end(), difference.columns.begin(), difference.columns.end());
  right.insert(right.end(), difference.right_aligned.begin(), difference.right_aligned.end());
  const bool marks = std::ranges::any_of(difference.lines, [&](const Difference::Line& line) {
    return !line.expected && !differing(difference, line).empty();
  });
  if (marks) {
    header.emplace_back();
    right.push_back(false);
  }
  std::vector<std::vector<std::string>> rows;
  for (const Difference::Line& line : difference.lines) {
    auto& row = rows.emplace_back();
    row.emplace_back(line.expected ? "expected" : "came");
    for (const auto& cell : line.cells) row.push_back(cell.value_or(""));
    if (marks) row.push_back(line.expected ? "" : differing(difference, line));
  }
  const std::string table = table_of(header, rows, right, cell_width_max);
  std::string out;
  std::size_t begin = 0;
  for (std::size_t number = 0; begin < table.size(); ++number) {
    const std::size_t end = table.find('\n', begin);
    const std::string line = "    " + table.substr(begin, end - begin);
    begin = end + 1;
    if (number < 2) {
      out += paint.dim(line);
    } else {
      out += difference.lines[number - 2].expected ? paint.green(line) : paint.red(line);
    }
    out += '\n';
  }
  if (difference.lines_left_out > 0) {
    out += fmt::format("    … and {} more\n", difference.lines_left_out);
  }
  return out;
}

std::string differences_text(const TestResult& result, const Paint& paint) {
  std::string out;
  for (const Difference& difference : result.differences) {
    out += fmt::format("  {}: {}: {}\n", place_of(difference.at), paint.bold(difference.what),
                       difference.message);
    out += lines_text(difference, paint);
  }
  for (const std::string& letter : result.refused) {
    out += fmt::format("  went to the dead letters: {}\n", letter);
  }
  if (result.refused_left_out > 0) {
    out += fmt::format("  … and {} more\n", result.refused_left_out);
  }
  return out;
}

json lines_json(const Difference& difference, bool expected) {
  json lines = json::array();
  for (const Difference::Line& line : difference.lines) {
    if (line.expected != expected) continue;
    json& object = lines.emplace_back(json::object());
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
      if (line.cells[i]) object[difference.columns[i]] = *line.cells[i];
    }
  }
  return lines;
}

/// Text as XML has it: what may not stand there, whatever way it is written, becomes U+FFFD.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (byte < ' ' && c != '\n' && c != '\t') {
      out += "\uFFFD";
    } else {
      out += c;
    }
  }
  return out;
}

std::string seconds(double ms) { return fmt::format("{:.6f}", ms / 1000); }

std::string testcase(const TestResult& result) {
  const pipeline::TestNode& test = *result.test;
  std::string out = fmt::format(
      R"(    <testcase name="{}" classname="{}" file="{}" line="{}" time="{}")", xml(test.name),
      xml(test.pipeline), xml(test.at.file), test.at.line, seconds(ms_of(result)));
  if (result.passed()) return out + "/>\n";
  const Difference& first = result.differences.front();
  out += fmt::format(">\n      <failure type=\"difference\" message=\"{}\">{}</failure>\n",
                     xml(first.what + ": " + first.message),
                     xml(differences_text(result, Paint(false))));
  return out + "    </testcase>\n";
}

}  // namespace

std::string outcome_text(const TestResult& result, const Paint& paint) {
  const std::string name = result.test->pipeline + ": " + result.test->name;
  if (result.passed()) {
    return fmt::format("{} {} {}\n", paint.green("ok"), name,
                       paint.dim(fmt::format("({:.1f} ms)", ms_of(result))));
  }
  return fmt::format(
      "{} {} {}\n{}", paint.red("FAILED"), name,
      paint.dim(fmt::format("({}, {:.1f} ms)", place_of(result.test->at), ms_of(result))),
      differences_text(result, paint));
}

std::string summary_text(const std::vector<TestResult>& results, const Paint& paint) {
  const std::size_t failed = failed_of(results);
  std::string text =
      fmt::format("{} test{}: {} passed, {} failed, in {:.0f} ms", results.size(),
                  results.size() == 1 ? "" : "s", results.size() - failed, failed, ms_of(results));
  return (failed == 0 ? paint.green(text) : paint.red(text)) + "\n";
}

std::string outcomes_json(const std::vector<TestResult>& results) {
  json tests = json::array();
  for (const TestResult& result : results) {
    json differences = json::array();
    for (const Difference& difference : result.differences) {
      differences.push_back({{"file", difference.at.file},
                             {"line", difference.at.line},
                             {"column", difference.at.column},
                             {"what", difference.what},
                             {"message", difference.message},
                             {"expected", lines_json(difference, true)},
                             {"came", lines_json(difference, false)}});
    }
    tests.push_back({{"pipeline", result.test->pipeline},
                     {"name", result.test->name},
                     {"file", result.test->at.file},
                     {"line", result.test->at.line},
                     {"passed", result.passed()},
                     {"duration_ms", ms_of(result)},
                     {"differences", std::move(differences)},
                     {"dead_letters", result.refused}});
  }
  const json all = {{"tests", std::move(tests)},
                    {"passed", results.size() - failed_of(results)},
                    {"failed", failed_of(results)},
                    {"duration_ms", ms_of(results)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace);
}

std::string outcomes_junit(const std::vector<TestResult>& results) {
  std::map<std::string, std::vector<TestResult>> suites;
  for (const TestResult& result : results) suites[result.test->pipeline].push_back(result);
  const auto counts = [](const std::vector<TestResult>& of) {
    return fmt::format(R"(tests="{}" failures="{}" errors="0" skipped="0" time="{}")", of.size(),
                       failed_of(of), seconds(ms_of(of)));
  };
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites name=\"leat test\" {}>\n", counts(results));
  for (const auto& [pipeline, of_suite] : suites) {
    out += fmt::format("  <testsuite name=\"{}\" {}>\n", xml(pipeline), counts(of_suite));
    for (const TestResult& result : of_suite) out += testcase(result);
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace leat::app
