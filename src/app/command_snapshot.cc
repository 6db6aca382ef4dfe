#include <filesystem>

#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/target.h"
#include "runtime/data_snapshot.h"

namespace leat::app {
namespace {

struct SnapshotOptions {
  std::string directory;
  Target::Choice choice;
};

struct RestoreOptions {
  std::string snapshot;
  std::string data;
};

/// The server writes it, on its own machine; a data directory at rest is opened for that.
Status snapshot(const SnapshotOptions& options) {
  const auto target = LEAT_TRY(Target::open(options.choice));
  const std::string directory =
      std::filesystem::absolute(options.directory).lexically_normal().string();
  const std::string body = nlohmann::json({{"directory", directory}}).dump();
  HttpClient client = target->client();
  LEAT_TRY(client.post("/v1/snapshot", "application/json", body));
  fmt::print("{}\n", directory);
  return {};
}

Status restore(const RestoreOptions& options) {
  return runtime::restore_snapshot(io::posix_file_system(), options.snapshot, options.data);
}

}  // namespace

void add_snapshot(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "snapshot", "Write a consistent copy of a data directory, while its server runs");
  auto options = std::make_shared<SnapshotOptions>();
  command
      ->add_option("DIRECTORY", options->directory,
                   "Where to; must not exist, and is on the server's machine")
      ->required();
  Target::add_options(*command, options->choice);
  command->footer(
      "Holds topics and state as of a commit; not what sinks have written elsewhere.\n\n"
      "Examples:\n"
      "  leat snapshot /var/backups/leat-1\n"
      "  leat snapshot /var/backups/leat-1 --data /var/lib/leat");
  command->callback([options, &outcome] { finish(outcome, snapshot(*options)); });
}

void add_restore(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("restore", "Check a snapshot and make a data directory of it");
  auto options = std::make_shared<RestoreOptions>();
  command->add_option("SNAPSHOT", options->snapshot, "What `leat snapshot` wrote")->required();
  command
      ->add_option("--data", options->data,
                   "The new data directory; `leat run` goes on with it from where the snapshot is")
      ->required();
  command->footer(
      "Examples:\n"
      "  leat restore /var/backups/leat-1 --data /var/lib/leat");
  command->callback([options, &outcome] { finish(outcome, restore(*options)); });
}

}  // namespace leat::app
