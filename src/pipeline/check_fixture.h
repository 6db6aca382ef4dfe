#pragma once

#include <filesystem>

#include <gtest/gtest.h>

#include "pipeline/test_registry.h"

namespace leat::pipeline {

/// A file of the repository, wherever in it the test is run.
inline std::filesystem::path in_repository(const std::filesystem::path& path) {
  for (auto folder = std::filesystem::current_path();; folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / path)) return folder / path;
    if (folder == folder.root_path()) return path;
  }
}

/// Checks texts against the registry above and a small environment.
class CheckTest : public testing::Test {
 protected:
  CheckTest() : analyser_(std::move(sql::Analyser::open().value())) {
    environment_.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    environment_.file = [](const std::string& path) -> Result<std::string> {
      if (path == "/run/token") return std::string("canary-file-9d1\n");
      return user_error("file-reference", "can't open the file \"{}\"", path);
    };
  }

  Checked check_text(std::string text, std::string file = "a.yaml") {
    return check_texts({{std::move(file), std::move(text)}}, registry_, *analyser_, environment_);
  }

  /// The findings, one a line; without notes.
  std::string findings(std::string text) {
    std::string out;
    for (const auto& found : check_text(std::move(text)).diagnostics) {
      if (found.severity != Severity::note) out += to_text(found) + "\n";
    }
    return out;
  }

  /// `place code` of each finding, notes too: "3:7 unknown-key".
  std::vector<std::string> places(std::string text) {
    std::vector<std::string> out;
    for (const auto& found : check_text(std::move(text)).diagnostics) {
      out.push_back(fmt::format("{}:{} {}", found.at.line, found.at.column, found.code));
    }
    return out;
  }

  Registry registry_ = test_registry();
  std::map<std::string, std::string> variables_;
  Environment environment_;
  std::unique_ptr<sql::Analyser> analyser_;
};

}  // namespace leat::pipeline
