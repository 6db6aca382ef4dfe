#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "app/http_client.h"
#include "runtime/engine.h"
#include "server/server.h"

namespace leat::app {

/// What a reading command talks to: a running server, or a data directory at rest, which is then
/// opened by this process and served to itself alone.
class Target {
 public:
  struct Choice {
    std::string server;  ///< empty: the default one
    std::string data;    ///< empty: not given
  };
  /// Adds --server and --data to a command.
  static void add_options(CLI::App& command, Choice& choice);
  static Result<std::unique_ptr<Target>> open(const Choice& choice);
  ~Target();

  HttpClient client() const { return HttpClient(url_); }
  const std::string& url() const { return url_; }
  bool at_rest() const { return engine_ != nullptr; }

 private:
  Target() = default;
  std::string url_;
  std::unique_ptr<runtime::Engine> engine_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace leat::app
