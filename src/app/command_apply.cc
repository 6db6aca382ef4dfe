#include <filesystem>

#include <nlohmann/json.hpp>

#include "app/change_follower.h"
#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/http_client.h"

namespace leat::app {
namespace {

using nlohmann::json;

/// Of a change, whatever it is.
struct Choice {
  std::string server;
  bool rebuild = false;
  bool json = false;
};

struct ApplyOptions {
  std::vector<std::string> files;
  Choice choice;
};

struct ReplayOptions {
  std::string view;
  std::string from;
  Choice choice;
};

void add_choices(CLI::App& command, Choice& choice) {
  command.add_option("--server", choice.server,
                     "Address of a running server (default: $LEAT_SERVER, else "
                     "http://127.0.0.1:8080)");
  command.add_flag("--rebuild", choice.rebuild,
                   "Also where sinks have written rows already, or records are gone");
  command.add_flag("--json", choice.json, "The plan as JSON");
}

Status change(const Choice& choice, const std::string& path, json body) {
  body["rebuild"] = choice.rebuild;
  HttpClient client(choice.server.empty() ? HttpClient::default_server() : choice.server);
  const auto answer = LEAT_TRY(client.post(path, "application/json", body.dump()));
  return follow_change(client, answer.body, choice.json);
}

/// The server reads no file of ours: it gets the texts, and what they name is on its machine.
Status apply(const ApplyOptions& options) {
  json files = json::array();
  for (const pipeline::SourceText& text : LEAT_TRY(texts_of(options.files))) {
    const auto path = std::filesystem::absolute(text.file).lexically_normal().string();
    files.push_back({{"file", path}, {"text", text.text}});
  }
  return change(options.choice, "/v1/pipeline", {{"files", std::move(files)}});
}

Status replay(const ReplayOptions& options) {
  const bool is_offset =
      !options.from.empty() && options.from.find_first_not_of("0123456789") == std::string::npos;
  json from;
  if (is_offset && options.from.size() <= 18) {
    from["offset"] = std::stoull(options.from);
  } else {
    from["time"] = options.from;
  }
  const std::string path = "/v1/views/" + url_encoded(options.view) + "/replay";
  return change(options.choice, path, {{"from", std::move(from)}});
}

}  // namespace

void add_apply(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("apply", "Put changed pipeline files in the place of what a server runs");
  auto options = std::make_shared<ApplyOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them: all of them")
      ->required();
  add_choices(*command, options->choice);
  command->footer(
      "What `leat plan` says is kept goes on as it is. What is rebuilt or new is computed from "
      "the\n"
      "topics' first records beside what runs, then takes its place at once; requests wait for a\n"
      "moment. The server goes on with its old files where the new ones can't begin. Paths in the\n"
      "files are those of the server's machine; the next `leat run` should get the same files.\n\n"
      "Examples:\n"
      "  leat apply shop.yaml\n"
      "  leat apply pipelines/ --server http://127.0.0.1:9090");
  command->callback(
      [options, &outcome] { finish(outcome, apply(*options), options->choice.json); });
}

void add_replay(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "replay", "Compute a view anew, as if its topics began at an offset or a time");
  auto options = std::make_shared<ReplayOptions>();
  command->add_option("VIEW", options->view, "The view; those that read it are rebuilt with it")
      ->required();
  command
      ->add_option("--from", options->from,
                   "An offset (of each partition), or the time that a record arrived at or after: "
                   "0, 2026-01-01T00:00:00Z")
      ->required();
  add_choices(*command, options->choice);
  command->footer(
      "The view holds what its query says of the records from there on, until it is replayed from\n"
      "elsewhere or its definition changes. Nothing else is touched.\n\n"
      "Examples:\n"
      "  leat replay totals --from 0\n"
      "  leat replay totals --from 2026-11-01T00:00:00Z");
  command->callback(
      [options, &outcome] { finish(outcome, replay(*options), options->choice.json); });
}

}  // namespace leat::app
