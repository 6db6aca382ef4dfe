#include "pipeline/check.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "pipeline/check_fixture.h"

namespace leat::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The repository's folder of examples, wherever the test is run.
std::filesystem::path pipelines_folder() {
  for (auto folder = std::filesystem::current_path();; folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / "pipelines" / "users.yaml")) return folder / "pipelines";
    if (folder == folder.root_path()) return "pipelines";
  }
}

class Pipelines : public CheckTest, public testing::WithParamInterface<const char*> {};

TEST_P(Pipelines, AreClean) {
  const auto checked =
      check({pipelines_folder() / GetParam()}, registry_, *analyser_, environment_);
  for (const auto& found : checked.diagnostics) {
    EXPECT_EQ(found.severity, Severity::note) << to_text(found);
  }
  ASSERT_TRUE(checked.graph.has_value());
  EXPECT_FALSE(checked.graph->panels.empty() && checked.graph->sinks.empty());
}
INSTANTIATE_TEST_SUITE_P(All, Pipelines,
                         testing::Values("users.yaml", "sensors.yaml", "clicks.yaml"));

}  // namespace
}  // namespace leat::pipeline
