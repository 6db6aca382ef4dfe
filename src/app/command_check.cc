#include <fstream>

#include <nlohmann/json.hpp>

#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/connection_check.h"
#include "app/connectors.h"
#include "app/terminal.h"
#include "pipeline/schema.h"

namespace leat::app {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  bool json = false;
  bool schema = false;
  bool connect = false;
  bool strict = false;
};

/// Makes faults of what may be meant, but is not to be in a pipeline that runs for years: warnings,
/// and state that grows for ever. Whether there are any.
bool take_strictly(std::vector<pipeline::Diagnostic>& diagnostics) {
  bool any = false;
  for (pipeline::Diagnostic& one : diagnostics) {
    const bool is_meant = one.severity == pipeline::Severity::note && one.code != "unbounded-state";
    if (is_meant || one.severity == pipeline::Severity::error) continue;
    one.severity = pipeline::Severity::error;
    any = true;
  }
  return any;
}

/// Says of each system whether it was found ready. Errors: `unreachable` (external) where one can't
/// be reached, `not-ready` (user) where one can but refuses us or lacks something.
Status connect(const pipeline::Graph& graph, bool json) {
  std::size_t failed = 0, unreachable = 0;
  nlohmann::json list = nlohmann::json::array();
  const auto paint = paint_for(stdout);
  for (const Connection& tried : try_connections(graph, {})) {
    const std::string& text = tried.found ? *tried.found : tried.found.error().message;
    if (!tried.found) ++failed;
    if (!tried.found && tried.found.error().domain != Domain::user) ++unreachable;
    list.push_back(
        {{"name", tried.name},
         {"role", tried.role},
         {"connector", tried.connector},
         {"ready", tried.found.has_value()},
         {"code", tried.found ? nlohmann::json() : nlohmann::json(tried.found.error().code)},
         {"text", text}});
    if (json) continue;
    fmt::print("{} {} {} ({}): {}\n", tried.found ? paint.green("ok") : paint.red("failed"),
               tried.role, tried.name, tried.connector, text);
  }
  if (json) fmt::print("{}\n", list.dump(2));
  if (failed == 0) return {};
  if (unreachable == 0) {
    return user_error("not-ready", "{} of {} systems are not ready", failed, list.size());
  }
  return external_error("unreachable", "{} of {} systems are not ready", failed, list.size());
}

Status check(const CheckOptions& options) {
  if (options.schema) {
    fmt::print("{}\n", pipeline::json_schema(registry()));
    return {};
  }
  if (options.files.empty()) {
    return user_error("no-files", "name the pipeline files, or folders of them, to check");
  }
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  pipeline::Checked checked =
      pipeline::check({options.files.begin(), options.files.end()}, registry(), *analyser,
                      pipeline::Environment::of_process());
  const bool refused = options.strict && take_strictly(checked.diagnostics);
  if (options.json && options.connect && checked.graph && !refused) {
    // What the systems say comes instead.
  } else if (options.json) {
    fmt::print("{}\n", pipeline::to_json(checked.diagnostics));
  } else {
    print_diagnostics(checked.diagnostics);
  }
  if (!checked.graph || refused) {
    return user_error("pipeline-invalid", "{}", pipeline::summary(checked.diagnostics));
  }
  if (!options.json) {
    const pipeline::Graph& graph = *checked.graph;
    fmt::print("{}: {} sources, {} streams, {} views, {} sinks, {} panels\n",
               paint_for(stdout).green("ok"), graph.sources.size(), graph.streams.size(),
               graph.views.size(), graph.sinks.size(), graph.panels.size());
  }
  return options.connect ? connect(*checked.graph, options.json) : Status();
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("check", "Check pipeline files: every fault, with its place");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them");
  command->add_flag("--json", options->json, "Findings as a JSON array");
  command->add_flag("--connect", options->connect,
                    "Try each system that the files name, too: say what is missing there and how "
                    "to make it; changes nothing");
  command->add_flag(
      "--strict", options->strict,
      "Refuse what is only warned of otherwise, and views whose state grows for ever");
  command->add_flag("--schema", options->schema,
                    "Print the JSON Schema of pipeline files, for editors");
  command->footer(
      "Examples:\n"
      "  leat check pipelines/users.yaml\n"
      "  leat check --json pipelines/ | jq .\n"
      "  leat check --connect pipelines/stack\n"
      "  leat check --strict pipelines/sensors.yaml\n"
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
