#include "app/checked_pipeline.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/connectors.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

namespace fs = std::filesystem;

bool is_pipeline_file(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

}  // namespace

void print_diagnostics(const std::vector<pipeline::Diagnostic>& diagnostics) {
  const Paint paint = paint_for(stderr);
  for (const pipeline::Diagnostic& diagnostic : diagnostics) {
    const std::string text = pipeline::to_text(diagnostic);
    switch (diagnostic.severity) {
      case pipeline::Severity::error:
        fmt::print(stderr, "{}\n", paint.red(text));
        break;
      case pipeline::Severity::warning:
        fmt::print(stderr, "{}\n", paint.yellow(text));
        break;
      case pipeline::Severity::note:
        fmt::print(stderr, "{}\n", paint.dim(text));
        break;
    }
  }
}

Result<pipeline::Graph> checked_graph(const std::vector<std::string>& files) {
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  pipeline::Checked checked = pipeline::check({files.begin(), files.end()}, registry(), *analyser,
                                              pipeline::Environment::of_process());
  if (checked.graph) {
    std::erase_if(checked.diagnostics, [](const pipeline::Diagnostic& diagnostic) {
      return diagnostic.severity == pipeline::Severity::note;
    });
  }
  print_diagnostics(checked.diagnostics);
  if (!checked.graph) {
    return user_error("pipeline-invalid", "nothing was started: {}; mend the places above",
                      pipeline::summary(checked.diagnostics));
  }
  return std::move(*checked.graph);
}

Result<std::vector<pipeline::SourceText>> texts_of(const std::vector<std::string>& files) {
  std::vector<fs::path> paths;
  for (const std::string& file : files) {
    std::error_code error;
    if (!fs::is_directory(file, error)) {
      paths.emplace_back(file);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(file, error)) {
      if (is_pipeline_file(entry.path())) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<pipeline::SourceText> texts;
  for (const fs::path& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) {
      return user_error("unreadable-file", "{}: can't be read; check its path and permissions",
                        path.string());
    }
    texts.push_back({path.string(), text.str()});
  }
  return texts;
}

}  // namespace leat::app
