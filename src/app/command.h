#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/error.h"

namespace leat::app {

/// What every command ends with.
enum class Exit : int {
  ok = 0,
  user = 2,       ///< the user's fault: files, arguments, SQL
  external = 3,   ///< a system can't be reached: server, disk, network
  internal = 70,  ///< ours
};

/// Where a command leaves its outcome: callbacks of CLI11 return nothing.
struct Outcome {
  Exit exit = Exit::ok;
};

Exit exit_of(const Error& error);
/// Prints `error[code]: message` to standard error, in colour on a terminal; as JSON when asked
/// for.
void print_error(const Error& error, bool json = false);
/// Runs a command's body and turns its Status into the outcome.
void finish(Outcome& outcome, const Status& status, bool json = false);

// One file each: adds the subcommand to the program.
void add_init(CLI::App& app, Outcome& outcome);
void add_check(CLI::App& app, Outcome& outcome);
void add_test(CLI::App& app, Outcome& outcome);
void add_run(CLI::App& app, Outcome& outcome);
void add_plan(CLI::App& app, Outcome& outcome);
void add_apply(CLI::App& app, Outcome& outcome);
void add_replay(CLI::App& app, Outcome& outcome);
void add_snapshot(CLI::App& app, Outcome& outcome);
void add_restore(CLI::App& app, Outcome& outcome);
void add_sql(CLI::App& app, Outcome& outcome);
void add_tail(CLI::App& app, Outcome& outcome);
void add_top(CLI::App& app, Outcome& outcome);
void add_topics(CLI::App& app, Outcome& outcome);
void add_explain(CLI::App& app, Outcome& outcome);
void add_mock(CLI::App& app, Outcome& outcome);
void add_version(CLI::App& app, Outcome& outcome);
void add_completion(CLI::App& app, Outcome& outcome);
void add_reference(CLI::App& app, Outcome& outcome);

}  // namespace leat::app
