#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/options.h"

namespace leat::runtime {
class Engine;
}

namespace leat::server {

/// The HTTP server over a running engine: API, live updates, metrics, the page. start and stop are
/// for one thread; the rest is thread-safe.
class Server {
 public:
  /// Opens the listener and begins to answer. The engine must outlive the server. Errors:
  /// `address-in-use`, `address-not-available` (external), `remote-listener`, `unknown-host`,
  /// `port-not-permitted` (user).
  static Result<std::unique_ptr<Server>> start(runtime::Engine& engine, ServerOptions options);
  /// As stop, with no time given to what is under way.
  ~Server();

  /// Takes no further request, ends event streams, gives what is under way until `limit` to be
  /// answered, and closes all connections. Call it before the engine stops.
  void stop(std::chrono::milliseconds limit);

  std::uint16_t port() const;
  /// Another descriptor of the socket that it listens on, for the server that comes after it: who
  /// connects in between waits. -1: there is none. The caller closes it or hands it on.
  int duplicate_listener() const;
  /// "GET /v1/topics", …: all routes of the API.
  std::vector<std::string> routes() const;
  /// "http://127.0.0.1:8080"
  std::string url() const;

 private:
  class Running;
  explicit Server(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace leat::server
