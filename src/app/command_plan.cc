#include <nlohmann/json.hpp>

#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/connectors.h"
#include "app/http_client.h"
#include "app/plan_text.h"
#include "runtime/pipeline_plan.h"
#include "server/plan_json.h"

namespace leat::app {
namespace {

using runtime::CommittedPipeline;

struct PlanOptions {
  std::vector<std::string> files;
  std::string server;
  std::string data;
  bool json = false;
};

Result<CommittedPipeline> pipeline_of_server(const std::string& address) {
  HttpClient client(address.empty() ? HttpClient::default_server() : address);
  const auto answer = LEAT_TRY(client.get("/v1/pipeline/definitions"));
  const auto said = nlohmann::json::parse(answer.body, nullptr, false);
  if (!said.is_object() || !said.contains("definitions") || !said.contains("read")) {
    return external_error("bad-answer", "the server's answer is not Leat's; is {} the right one?",
                          address);
  }
  CommittedPipeline committed;
  said["definitions"].get_to(committed.definitions);
  for (const auto& [id, read] : said["read"].items()) {
    committed.inputs[id] = {.first = Offset(read["first"].get<std::int64_t>()),
                            .position = Offset(read["position"].get<std::int64_t>())};
  }
  return committed;
}

Status plan(const PlanOptions& options) {
  const pipeline::Graph graph = LEAT_TRY(checked_graph(options.files));
  const CommittedPipeline before =
      LEAT_TRY(options.data.empty() ? pipeline_of_server(options.server)
                                    : runtime::committed_pipeline(options.data));
  const auto plan = server::plan_json(runtime::plan_for(before, graph, connectors()));
  if (options.json) {
    fmt::print("{}\n", plan.dump(2));
  } else {
    print_plan(plan);
  }
  return {};
}

}  // namespace

void add_plan(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "plan", "Say what changed pipeline files would do to a server or a data directory");
  auto options = std::make_shared<PlanOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them")->required();
  auto* server = command->add_option("--server", options->server,
                                     "Address of a running server (default: $LEAT_SERVER, else "
                                     "http://127.0.0.1:8080)");
  command->add_option("--data", options->data, "A data directory, at rest or in use")
      ->excludes(server);
  command->add_flag("--json", options->json, "As JSON");
  command->footer(
      "What is kept goes on as it is; what is rebuilt or new is computed from the topics' first\n"
      "records when `leat run` starts with these files. Exit code 0 whether there is something to\n"
      "do or not, 2 where the files have a fault.\n\n"
      "Examples:\n"
      "  leat plan pipelines/users.yaml\n"
      "  leat plan pipelines/ --data /var/lib/leat --json");
  command->callback([options, &outcome] { finish(outcome, plan(*options), options->json); });
}

}  // namespace leat::app
