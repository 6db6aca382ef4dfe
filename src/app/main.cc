// The command line: each command is a file of its own, command_NAME.cc.

#include <exception>

#include <curl/curl.h>
#include <sodium.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "app/command.h"

namespace {

using leat::app::Exit;

void add_commands(CLI::App& app, leat::app::Outcome& outcome) {
  leat::app::add_init(app, outcome);
  leat::app::add_check(app, outcome);
  leat::app::add_test(app, outcome);
  leat::app::add_run(app, outcome);
  leat::app::add_plan(app, outcome);
  leat::app::add_apply(app, outcome);
  leat::app::add_replay(app, outcome);
  leat::app::add_sql(app, outcome);
  leat::app::add_tail(app, outcome);
  leat::app::add_top(app, outcome);
  leat::app::add_topics(app, outcome);
  leat::app::add_explain(app, outcome);
  leat::app::add_snapshot(app, outcome);
  leat::app::add_restore(app, outcome);
  leat::app::add_mock(app, outcome);
  leat::app::add_completion(app, outcome);
  leat::app::add_reference(app, outcome);
  leat::app::add_version(app, outcome);
}

/// The machine must have the instructions that the program was compiled for.
bool machine_is_new_enough() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
  return true;
#endif
}

int run(int argc, char** argv) {
  CLI::App app("Leat: streaming data pipelines in one process", "leat");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every command");
  app.set_version_flag("--version", LEAT_VERSION);
  leat::app::Outcome outcome;
  add_commands(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::user);
  }
  return static_cast<int>(outcome.exit);
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("leat"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  if (!machine_is_new_enough()) {
    fmt::print(stderr, "leat: this processor has no AVX2; Leat needs one of 2013 or later\n");
    return static_cast<int>(Exit::user);
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (sodium_init() < 0) {
    fmt::print(stderr, "leat: libsodium can't start: no source of randomness\n");
    return static_cast<int>(Exit::external);
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "leat: internal error: {}\nPlease report it with what you did.\n",
               error.what());
    return static_cast<int>(Exit::internal);
  }
}
