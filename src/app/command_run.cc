#include <spdlog/spdlog.h>

#include "app/allocator.h"
#include "app/checked_pipeline.h"
#include "app/command.h"
#include "app/data_directory.h"
#include "app/pipeline_host.h"
#include "app/signals.h"
#include "base/process_memory.h"
#include "connector/random_user/mock_server.h"

namespace leat::app {
namespace {

/// With less there is no room for what the program itself needs.
constexpr int memory_mib_min = 128;

struct RunOptions {
  std::vector<std::string> files;
  std::string data = default_data_directory;
  std::string listen = "127.0.0.1:8080";
  std::string mock;
  bool once = false;
  bool quiet = false;
  bool rebuild = false;
  bool allow_remote = false;
  bool allow_private = false;
  unsigned workers = 0;
  std::int64_t commit_interval_ms = 1000;
  std::int64_t memory_mib = 0;
};

Result<server::ServerOptions> listen_at(const RunOptions& options) {
  server::ServerOptions server;
  server.version = LEAT_VERSION;
  server.allow_remote = options.allow_remote;
  const std::size_t colon = options.listen.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    server.host = options.listen.substr(0, colon);
    const std::string digits = options.listen.substr(colon + 1);
    if (!digits.empty() && digits.size() <= 5 &&
        digits.find_first_not_of("0123456789") == std::string::npos) {
      port = std::stoi(digits);
    }
  }
  if (port < 0 || port > 65535) {
    return user_error("bad-address",
                      "--listen {}: not an address; write HOST:PORT, as 127.0.0.1:8080",
                      options.listen);
  }
  if (server.host.starts_with('[') && server.host.ends_with(']')) {
    server.host = server.host.substr(1, server.host.size() - 2);
  }
  server.port = static_cast<std::uint16_t>(port);
  return server;
}

Result<std::unique_ptr<connector::MockServer>> start_mock(const RunOptions& options) {
  if (options.mock.empty()) return std::unique_ptr<connector::MockServer>();
  if (options.mock != "random-user") {
    return user_error("unknown-mock", "--mock {}: there is none; write --mock random-user",
                      options.mock);
  }
  return connector::MockServer::start({});
}

std::uint64_t memory_of(const RunOptions& options) {
  const auto said = static_cast<std::uint64_t>(options.memory_mib) << 20;
  return said > 0 ? said : available_memory_bytes() / 3 * 2;
}

/// Serves until the pipeline ends, the engine fails, or a signal asks for the end.
Status serve(const RunOptions& options) {
  block_stop_signals();
  server::ServerOptions server_options = LEAT_TRY(listen_at(options));
  const auto texts = LEAT_TRY(texts_of(options.files));
  pipeline::Graph graph = LEAT_TRY(checked_graph(options.files));
  const auto mock = LEAT_TRY(start_mock(options));

  runtime::Options engine_options{.data_directory = options.data, .workers = options.workers};
  engine_options.once = options.once;
  engine_options.rebuild = options.rebuild;
  engine_options.commit_interval = std::chrono::milliseconds(options.commit_interval_ms);
  const std::uint64_t memory_max = memory_of(options);
  engine_options.memory_max = memory_max;
  engine_options.give_back_memory = give_back_memory;
  server_options.limits.query_memory_max =
      std::min<std::size_t>(server_options.limits.query_memory_max, memory_max / 4);
  engine_options.context.allow_private_addresses = options.allow_private;
  engine_options.context.scratch_directory = options.data + "/scratch";
  StopSignal stop;
  PipelineHost host({.engine = std::move(engine_options),
                     .server = server_options,
                     .quiet = options.quiet,
                     .stop = stop.token()});
  return host.run({.graph = std::move(graph), .texts = texts});
}

}  // namespace

void add_run(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("run", "Run pipeline files as a server");
  auto options = std::make_shared<RunOptions>();
  command->add_option("FILE", options->files, "Pipeline files, or folders of them")->required();
  command->add_option("--data", options->data, "Folder for topics and state")
      ->capture_default_str();
  command
      ->add_option("--listen", options->listen, "HOST:PORT to serve HTTP at; port 0: any free one")
      ->capture_default_str();
  command->add_flag("--once", options->once,
                    "Run until every source has ended, write everything out, and end");
  command->add_flag("--rebuild", options->rebuild,
                    "Compute changed streams and views anew, from what the topics still hold");
  command->add_flag("--quiet", options->quiet, "No status line, only warnings and errors");
  command->add_option(
      "--mock", options->mock,
      "Also serve a look-alike API in this process: random-user, at 127.0.0.1:8099");
  command->add_flag("--allow-remote", options->allow_remote,
                    "Listen on an address that other machines can reach, without TLS and sign-in");
  command->add_flag("--allow-private", options->allow_private,
                    "Let every HTTP source reach private and loopback addresses");
  command->add_option("--workers", options->workers, "Threads that run the epochs; 0: one a core")
      ->capture_default_str();
  command
      ->add_option("--commit-interval-ms", options->commit_interval_ms,
                   "A commit covers up to this much time under load")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  command
      ->add_option(
          "--memory-mib", options->memory_mib,
          "Memory of the whole process: state that is more stays on disk; 0: two thirds of "
          "what the machine, or the container, has")
      ->check(CLI::IsMember({0}) | CLI::Range(memory_mib_min, 1 << 20))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  leat run pipelines/users.yaml --mock random-user\n"
      "  leat run pipelines/clicks.yaml --once --data /tmp/clicks\n"
      "  leat run pipelines/ --data /var/lib/leat --listen 127.0.0.1:9090");
  command->callback([options, &outcome] { finish(outcome, serve(*options)); });
}

}  // namespace leat::app
