#include "app/data_directory.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/checked_pipeline.h"
#include "app/connectors.h"

namespace leat::app {
namespace {

namespace fs = std::filesystem;

fs::path pipelines_of(const std::string& directory) { return fs::path(directory) / "pipeline"; }
fs::path address_of(const std::string& directory) { return fs::path(directory) / "address"; }

Status write(const fs::path& path, std::string_view text) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) {
    return external_error("io-error", "{}: can't be written; check permissions and free space",
                          path.string());
  }
  return {};
}

}  // namespace

Status note_pipeline(const std::string& directory, const std::vector<pipeline::SourceText>& texts) {
  std::error_code error;
  fs::remove_all(pipelines_of(directory), error);
  fs::create_directories(pipelines_of(directory), error);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name = fs::path(texts[i].file).filename().string();
    LEAT_TRY(write(pipelines_of(directory) / fmt::format("{:03}-{}", i, name), texts[i].text));
  }
  return {};
}

Status note_address(const std::string& directory, const std::string& url) {
  return write(address_of(directory), url);
}

std::optional<std::string> noted_address(const std::string& directory) {
  std::ifstream stream(address_of(directory));
  std::string url;
  if (!std::getline(stream, url) || url.empty()) return std::nullopt;
  return url;
}

Result<pipeline::Graph> noted_graph(const std::string& directory) {
  if (!fs::is_directory(pipelines_of(directory))) {
    return user_error("no-data",
                      "{}: not a data directory of Leat; give the folder that was named "
                      "with `leat run --data`",
                      directory);
  }
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  const auto texts = LEAT_TRY(texts_of({pipelines_of(directory).string()}));
  pipeline::Environment environment = pipeline::Environment::of_process();
  pipeline::Checked checked = pipeline::check_texts(texts, registry(), *analyser, environment);
  const bool has_variables = checked.graph.has_value();
  if (!has_variables) {
    environment.variable = [](const std::string&) { return std::optional<std::string>("unset"); };
    environment.file = [](const std::string&) { return Result<std::string>("unset"); };
    checked = pipeline::check_texts(texts, registry(), *analyser, environment);
  }
  if (!checked.graph) {
    print_diagnostics(checked.diagnostics);
    return user_error("pipeline-invalid",
                      "{}: the pipeline that last ran on it is not valid for this version of Leat",
                      directory);
  }
  checked.graph->sources.clear();
  if (has_variables) checked.graph->sinks_at_rest = std::move(checked.graph->sinks);
  checked.graph->sinks.clear();
  std::erase_if(checked.graph->topics, [](const auto& topic) { return !topic.source.empty(); });
  return std::move(*checked.graph);
}

}  // namespace leat::app
