#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "pipeline/check_fixture.h"
#include "pipeline/codes.h"

namespace leat::pipeline {
namespace {

struct Case {
  std::string name;
  std::string yaml;
  std::string findings;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The comment at the top, then the cases.
std::vector<Case> read_cases(const std::string& text, std::string& heading) {
  std::vector<Case> cases;
  auto at = text.find("=== ");
  heading = text.substr(0, at);
  while (at != std::string::npos) {
    const auto name_end = text.find('\n', at);
    const auto line = text.find("\n---\n", name_end - 1) + 1;
    const auto next = text.find("=== ", line);
    cases.push_back({text.substr(at + 4, name_end - at - 4),
                     text.substr(name_end + 1, line - name_end - 1),
                     text.substr(line + 4, next == std::string::npos ? next : next - line - 4)});
    at = next;
  }
  return cases;
}

class Findings : public CheckTest {};

TEST_F(Findings, AreAsWritten) {
  const auto path = in_repository("src/pipeline/findings.txt");
  std::string golden;
  const auto cases = read_cases(read(path), golden);
  ASSERT_GT(cases.size(), 20u);
  for (const auto& [name, yaml, expected] : cases) {
    std::string text = yaml;
    if (const auto cut = text.find("---8<---"); cut != std::string::npos)
      text.replace(cut, 8, "---");
    std::string found;
    for (const auto& diagnostic : check_text(text).diagnostics) found += to_text(diagnostic) + "\n";
    EXPECT_EQ(found, expected) << "in the case: " << name;
    golden += "=== " + name + "\n" + yaml + "---\n" + found;
  }
  if (std::getenv("LEAT_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << golden;
}

/// Codes that only files, sizes or a certain analyser give: shown by the tests named here.
TEST_F(Findings, ShowEveryCode) {
  const std::string golden = read(in_repository("src/pipeline/findings.txt"));
  const std::set<std::string_view> elsewhere = {
      "file-unreadable", "file-too-large",  "no-files",         "not-utf8",      // Files, Hostile
      "yaml-too-deep",   "yaml-too-large",  "column-type",                       // Hostile, Check
      "sql-invalid",     "unsupported-sql", "not-a-select",     "not-allowed",   // sql's own tests
      "type-mismatch",   "not-row-wise",    "duplicate-column", "log-conflict",  // two files: Check
      "table-file",      "table-missing",   "table-too-large",  // tests/pipelines/tables_test.py
  };
  for (const auto& code : codes()) {
    const bool shown = golden.contains(fmt::format("[{}]", code.name));
    EXPECT_TRUE(shown || elsewhere.contains(code.name)) << code.name;
  }
}

}  // namespace
}  // namespace leat::pipeline
