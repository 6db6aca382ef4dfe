#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

/// Declares `server`, a running real server, or skips the test where that server can't be had, and
/// fails it where it does not start: LEAT_NEED_SERVER(kafka, "kafka", {"--nodes", "3"}).
#define LEAT_NEED_SERVER(server, ...)                                \
  auto server##_started = ::leat::ServedServer::start(__VA_ARGS__);  \
  if (!server##_started && server##_started.error().unavailable)     \
    GTEST_SKIP() << server##_started.error().message;                \
  if (!server##_started) FAIL() << server##_started.error().message; \
  ::leat::ServedServer& server = **server##_started

namespace leat {

/// A real server (Kafka, Cassandra, …) for one test: a child process `tests/servers/serve`, which
/// says what to connect to and obeys verbs such as `kill` (see there). The server and its data end
/// with this object, or with the test program however that ends. Not for two threads at a time.
class ServedServer {
 public:
  struct NotStarted {
    bool unavailable = false;  // it can't be had on this machine: a reason to skip
    std::string message;
  };
  using Started = std::expected<std::unique_ptr<ServedServer>, NotStarted>;

  /// Returns once the server is ready. name and options are those of `serve`; nothing is fetched.
  static Started start(const std::string& name, const std::vector<std::string>& options = {}) {
    const std::filesystem::path program = find_program();
    if (program.empty()) return unexpected(true, "tests/servers/serve is not found from here");
    std::unique_ptr<ServedServer> server(new ServedServer);
    if (!server->spawn(program, name, options))
      return unexpected(false, program.string() + " can't be run");
    const std::string line = server->read_line(start_max);
    server->json_ = nlohmann::json::parse(line, nullptr, false);
    if (server->json_.is_object()) return server;
    constexpr std::string_view skipped = "skipped: ";
    if (line.starts_with(skipped)) return unexpected(true, line.substr(skipped.size()));
    return unexpected(false, name + " did not start: " + line + " (more on standard error)");
  }

  ~ServedServer() {
    if (socket_ >= 0) ::close(socket_);  // tells it to end
    if (child_ <= 0) return;
    for (int waited_ms = 0; waited_ms < stop_ms_max; waited_ms += poll_ms) {
      if (::waitpid(child_, nullptr, WNOHANG) == child_) return;
      ::usleep(poll_ms * 1000);
    }
    ::kill(child_, SIGKILL);  // the server's processes end with it
    ::waitpid(child_, nullptr, 0);
  }

  ServedServer(const ServedServer&) = delete;
  ServedServer& operator=(const ServedServer&) = delete;

  /// What `serve` said when it was ready: addresses, user, password, ca_file, environment, …
  const nlohmann::json& json() const { return json_; }

  /// A text of it, or "".
  std::string text(const std::string& key) const { return json_.value(key, std::string()); }

  /// Gives the answer to a verb, such as "ok" for "kill 2"; returns once it has taken effect.
  std::string command(const std::string& verb) {
    const std::string line = verb + "\n";
    if (::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) != std::ssize(line))
      return "error: the server's program has ended";
    return read_line(command_max);
  }

 private:
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds start_max = std::chrono::minutes(6);
  static constexpr Milliseconds command_max = std::chrono::minutes(6);
  static constexpr int stop_ms_max = 40'000;
  static constexpr int poll_ms = 5;

  ServedServer() = default;

  static Started unexpected(bool unavailable, std::string message) {
    return std::unexpected(NotStarted{unavailable, std::move(message)});
  }

  /// Above this file, or above the folder that the test runs in; empty when in neither.
  static std::filesystem::path find_program() {
    std::error_code ignored;
    for (std::filesystem::path from :
         {std::filesystem::path(__FILE__), std::filesystem::current_path(ignored) / "here"}) {
      while (from.has_relative_path()) {
        from = from.parent_path();
        const std::filesystem::path program = from / "tests" / "servers" / "serve";
        if (std::filesystem::exists(program, ignored)) return program;
      }
    }
    return {};
  }

  bool spawn(const std::filesystem::path& program, const std::string& name,
             const std::vector<std::string>& options) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    socket_ = ends[0];
    std::vector<std::string> words = {program.string(), name, "--fetched-only"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int failed =
        ::posix_spawn(&child_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    return failed == 0;
  }

  std::string read_line(Milliseconds max) {
    const auto ends = std::chrono::steady_clock::now() + max;
    while (true) {
      if (const std::size_t at = received_.find('\n'); at != std::string::npos) {
        std::string line = received_.substr(0, at);
        received_.erase(0, at + 1);
        return line;
      }
      const auto left =
          std::chrono::duration_cast<Milliseconds>(ends - std::chrono::steady_clock::now());
      pollfd readable{socket_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) == 0)
        return "error: no answer in time";
      char buffer[4096];
      const ssize_t count = ::read(socket_, buffer, sizeof buffer);
      if (count <= 0) return "error: the server's program has ended";
      received_.append(buffer, static_cast<std::size_t>(count));
    }
  }

  pid_t child_ = 0;
  int socket_ = -1;
  std::string received_;
  nlohmann::json json_;
};

}  // namespace leat
