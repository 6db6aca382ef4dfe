#include <fstream>

#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/connectors.h"
#include "app/terminal.h"
#include "pipeline/schema.h"

namespace leat::app {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  bool json = false;
  bool schema = false;
};

Status check(const CheckOptions& options) {
  if (options.schema) {
    fmt::print("{}\n", pipeline::json_schema(registry()));
    return {};
  }
  if (options.files.empty()) {
    return user_error("no-files", "name the pipeline files, or folders of them, to check");
  }
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  const pipeline::Checked checked =
      pipeline::check({options.files.begin(), options.files.end()}, registry(), *analyser,
                      pipeline::Environment::of_process());
  if (options.json) {
    fmt::print("{}\n", pipeline::to_json(checked.diagnostics));
  } else {
    print_diagnostics(checked.diagnostics);
  }
  if (!checked.graph) {
    return user_error("pipeline-invalid", "{}", pipeline::summary(checked.diagnostics));
  }
  if (!options.json) {
    const pipeline::Graph& graph = *checked.graph;
    fmt::print("{}: {} sources, {} streams, {} views, {} sinks, {} panels\n",
               paint_for(stdout).green("ok"), graph.sources.size(), graph.streams.size(),
               graph.views.size(), graph.sinks.size(), graph.panels.size());
  }
  return {};
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("check", "Check pipeline files: every fault, with its place");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them");
  command->add_flag("--json", options->json, "Findings as a JSON array");
  command->add_flag("--schema", options->schema,
                    "Print the JSON Schema of pipeline files, for editors");
  command->footer(
      "Examples:\n"
      "  leat check pipelines/users.yaml\n"
      "  leat check --json pipelines/ | jq .\n"
      "  leat check --schema > leat.schema.json");
  command->callback([options, &outcome] {
    const Status status = check(*options);
    if (!status && options->json && status.error().code == "pipeline-invalid") {
      outcome.exit = Exit::user;
      return;
    }
    finish(outcome, status, options->json);
  });
}

}  // namespace leat::app
