#include "app/target.h"

#include "app/connectors.h"
#include "app/data_directory.h"

namespace leat::app {

void Target::add_options(CLI::App& command, Choice& choice) {
  auto* server = command.add_option("--server", choice.server,
                                    "Address of a running server (default: $LEAT_SERVER, else "
                                    "http://127.0.0.1:8080)");
  command.add_option("--data", choice.data, "A data directory, at rest or in use")
      ->excludes(server);
}

Result<std::unique_ptr<Target>> Target::open(const Choice& choice) {
  std::unique_ptr<Target> target(new Target());
  if (choice.data.empty()) {
    target->url_ = choice.server.empty() ? HttpClient::default_server() : choice.server;
    return target;
  }
  pipeline::Graph graph = LEAT_TRY(noted_graph(choice.data));
  runtime::Options options{.data_directory = choice.data};
  options.at_rest = true;
  options.context.scratch_directory = choice.data + "/scratch";
  auto engine = runtime::Engine::open(std::move(graph), connectors(), std::move(options));
  if (!engine) {
    const auto address = noted_address(choice.data);
    if (engine.error().code != "locked" || !address) return std::unexpected(engine.error());
    target->url_ = *address;
    return target;
  }
  target->engine_ = std::move(*engine);
  server::ServerOptions server_options;
  server_options.port = 0;
  target->server_ = LEAT_TRY(server::Server::start(*target->engine_, server_options));
  target->url_ = target->server_->url();
  return target;
}

Target::~Target() {
  if (server_) server_->stop(std::chrono::milliseconds(1000));
}

}  // namespace leat::app
