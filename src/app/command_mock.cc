#include "app/command.h"
#include "app/signals.h"
#include "app/terminal.h"
#include "connector/random_user/mock_server.h"

#include <condition_variable>
#include <mutex>

namespace leat::app {
namespace {

struct MockOptions {
  connector::MockServerOptions server;
  std::vector<std::string> faults;
};

Status serve(MockOptions options) {
  block_stop_signals();
  for (const std::string& fault : options.faults) {
    options.server.faults.push_back(LEAT_TRY(connector::parse_mock_fault(fault)));
  }
  const auto server = LEAT_TRY(connector::MockServer::start(options.server));
  fmt::print(stderr, "leat: random users at {}\n",
             paint_for(stderr).bold(server->origin() + "/api/?results=10"));
  const StopSignal stop;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop.token(), [] { return false; });
  return {};
}

}  // namespace

void add_mock(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("mock", "Serve a look-alike of a public API, for trying out and tests");
  command->require_subcommand(1);
  auto* random_user = command->add_subcommand(
      "random-user", "The random-user API: /api/?results=&seed=&page=&nat=&gender=&inc=&exc=");
  auto options = std::make_shared<MockOptions>();
  random_user->add_option("--listen", options->server.listen, "HOST:PORT; port 0: any free one")
      ->capture_default_str();
  random_user
      ->add_option("--rate", options->server.rate,
                   "Requests a second; more are answered 429. 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  random_user->add_option("--seed", options->server.seed,
                          "Requests without a seed get SEED-1, SEED-2, … instead of random ones");
  random_user->add_option("--fault", options->faults,
                          "What to do wrong, repeatable: slow:2s, status:503, malformed, cut; "
                          "@3 every third request, %10 one in ten");
  random_user->footer(
      "Examples:\n"
      "  leat mock random-user\n"
      "  leat mock random-user --listen 127.0.0.1:0 --fault status:500@3 --fault slow:2s%10\n"
      "  curl 'http://127.0.0.1:8099/api/?results=2&nat=no,fi&seed=leat'");
  command->footer("Example:\n  leat mock random-user --rate 5");
  random_user->callback([options, &outcome] { finish(outcome, serve(*options)); });
}

}  // namespace leat::app
