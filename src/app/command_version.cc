#include <duckdb.h>
#include <nlohmann/json.hpp>

#include "app/command.h"

namespace leat::app {

void add_version(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("version", "Print the version");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->footer("Example:\n  leat version --json");
  command->callback([json, &outcome] {
    if (*json) {
      const nlohmann::json versions = {{"leat", LEAT_VERSION},
                                       {"duckdb", duckdb_library_version()}};
      fmt::print("{}\n", versions.dump());
    } else {
      fmt::print("leat {} (DuckDB {})\n", LEAT_VERSION, duckdb_library_version());
    }
    outcome.exit = Exit::ok;
  });
}

}  // namespace leat::app
