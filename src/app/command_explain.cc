#include "app/checked_pipeline.h"
#include "app/command.h"
#include "pipeline/explain.h"

namespace leat::app {
namespace {

struct ExplainOptions {
  std::string file;
  std::string name;
};

Status explain(const ExplainOptions& options) {
  const pipeline::Graph graph = LEAT_TRY(checked_graph({options.file}));
  if (options.name.empty()) {
    fmt::print("{}", pipeline::explain(graph));
    return {};
  }
  fmt::print("{}", LEAT_TRY(pipeline::explain(graph, options.name)));
  return {};
}

}  // namespace

void add_explain(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "explain", "Print a pipeline's graph, or how one stream or view is computed");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("FILE", options->file, "Pipeline file or folder")->required();
  command->add_option("NAME", options->name, "A stream, view, topic or sink in it");
  command->footer(
      "Examples:\n"
      "  leat explain pipelines/users.yaml\n"
      "  leat explain pipelines/users.yaml users_by_country");
  command->callback([options, &outcome] { finish(outcome, explain(*options)); });
}

}  // namespace leat::app
