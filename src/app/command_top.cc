#include <cctype>
#include <chrono>
#include <thread>

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "app/activity.h"
#include "app/command.h"
#include "app/signals.h"
#include "app/target.h"
#include "app/terminal.h"

namespace leat::app {
namespace {

using Json = Activity::Json;
using Moment = std::chrono::steady_clock::time_point;

struct TopOptions {
  Target::Choice target;
  double every_seconds = 1;
  bool once = false;
  bool json = false;
};

/// How soon a key or a signal is seen.
constexpr std::chrono::milliseconds look_every{50};

struct Look {
  Json status;
  Moment at;
};

Result<Look> look(HttpClient& client) {
  const HttpClient::Response response = LEAT_TRY(client.get("/v1/status"));
  Look look{Json::parse(response.body, nullptr, false), std::chrono::steady_clock::now()};
  if (look.status.is_object()) return look;
  return external_error("bad-answer",
                        "what answers there is no Leat server; name its address with --server");
}

/// The terminal as a page of its own, its keys without Enter, until this goes.
class Screen {
 public:
  Screen() {
    if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
      termios keys = before_;
      keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      takes_keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    }
    fmt::print("\x1b[?1049h\x1b[?25l");
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() {
    fmt::print("\x1b[?25h\x1b[?1049l");
    std::fflush(stdout);
    if (takes_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

  /// Lines that don't fit are left out; long ones are cut at the edge.
  void show(std::string_view text) const {
    winsize size{};
    std::size_t lines = 24;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) lines = size.ws_row;
    std::string page = "\x1b[H\x1b[?7l";
    for (std::size_t line = 0; line < lines && !text.empty(); ++line) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (line > 0) page += "\r\n";
      page += text.substr(0, end);
      page += "\x1b[K";
      text.remove_prefix(std::min(text.size(), end + 1));
    }
    fmt::print("{}\x1b[J\x1b[?7h", page);
    std::fflush(stdout);
  }

  /// Waits until then, or for q. False: it is to end.
  bool wait_until(Moment moment, const std::stop_token& stop) const {
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < moment) {
      pollfd keys{.fd = takes_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
      if (::poll(&keys, 1, static_cast<int>(look_every.count())) <= 0) continue;
      char key = 0;
      if (::read(STDIN_FILENO, &key, 1) <= 0 || std::tolower(key) == 'q') return false;
    }
    return !stop.stop_requested();
  }

 private:
  termios before_{};
  bool takes_keys_ = false;
};

Activity between(const Look& before, const Look& after) {
  constexpr double seconds_min = 1e-3;
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  return Activity(before.status, after.status, std::max(seconds_min, seconds));
}

/// On the terminal until q; an outage of the server is shown and waited for.
Status show_live(HttpClient& client, const std::string& server,
                 std::chrono::milliseconds interval) {
  Look before = LEAT_TRY(look(client));
  const StopSignal signal;
  const Screen screen;
  screen.show(Activity(before.status, before.status, 1).text(server));
  while (screen.wait_until(std::chrono::steady_clock::now() + interval, signal.token())) {
    Result<Look> now = look(client);
    if (!now) {
      screen.show(fmt::format("{}  {}\n", server, now.error().message));
      continue;
    }
    screen.show(between(before, *now).text(server) + "\nq: quit\n");
    before = std::move(*now);
  }
  return {};
}

/// One after the other on standard output, for programs; `once`: one.
Status print(HttpClient& client, const std::string& server, const TopOptions& options,
             std::chrono::milliseconds interval) {
  Look before = LEAT_TRY(look(client));
  const StopSignal signal;
  do {
    const Moment next = before.at + interval;
    while (std::chrono::steady_clock::now() < next) {
      if (signal.token().stop_requested()) return {};
      std::this_thread::sleep_until(std::min(next, std::chrono::steady_clock::now() + look_every));
    }
    Look now = LEAT_TRY(look(client));
    const Activity activity = between(before, now);
    fmt::print("{}\n", options.json ? activity.json().dump() : activity.text(server));
    std::fflush(stdout);
    before = std::move(now);
  } while (!options.once && options.json);
  return {};
}

Status top(const TopOptions& options) {
  block_stop_signals();
  const auto target = LEAT_TRY(Target::open(options.target));
  HttpClient client = target->client();
  const std::chrono::milliseconds interval(
      static_cast<std::int64_t>(options.every_seconds * 1'000));
  const bool live = !options.once && !options.json && is_terminal(stdout);
  return live ? show_live(client, target->url(), interval)
              : print(client, target->url(), options, interval);
}

}  // namespace

void add_top(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "top", "Show what a server is doing: rates, event time, state, what waits; q ends it");
  auto options = std::make_shared<TopOptions>();
  Target::add_options(*command, options->target);
  command->add_option("--every", options->every_seconds, "Seconds between two looks (default: 1)")
      ->check(CLI::Range(0.1, 3600.0));
  command->add_flag("--once", options->once,
                    "Print it once, after one such time; also where the output is no terminal");
  command->add_flag("--json", options->json, "As JSON, a line for each look");
  command->footer(
      "Examples:\n"
      "  leat top\n"
      "  leat top --once --server http://127.0.0.1:8080\n"
      "  leat top --json --every 10 >>activity.jsonl");
  command->callback([options, &outcome] { finish(outcome, top(*options), options->json); });
}

}  // namespace leat::app
