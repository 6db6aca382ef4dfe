#include "app/status_line.h"

#include <condition_variable>
#include <mutex>

#include "app/terminal.h"

namespace leat::app {
namespace {

constexpr std::chrono::milliseconds show_every{500};

std::string line_of(const runtime::EngineStatus& status, const Paint& paint) {
  std::string trouble;
  for (const runtime::SourceState& source : status.sources) {
    if (source.last_error.empty()) continue;
    trouble =
        fmt::format("  {}", paint.yellow(fmt::format("{}: {}", source.name, source.last_error)));
  }
  for (const runtime::TableState& table : status.tables) {
    if (table.last_error.empty()) continue;
    trouble =
        fmt::format("  {}", paint.yellow(fmt::format("{}: {}", table.name, table.last_error)));
  }
  if (!status.failure.empty()) trouble = "  " + paint.red(status.failure);
  const std::string dead = with_thousands(status.dead_letters);
  return fmt::format("in {}  {}/s  epoch {}  lag {}  dead letters {}  {}{}",
                     with_thousands(status.records_in),
                     with_thousands(static_cast<unsigned long long>(status.records_per_second)),
                     with_thousands(status.epoch), with_thousands(status.lag),
                     status.dead_letters == 0 ? dead : paint.yellow(dead),
                     paint.dim(as_bytes(status.memory_bytes)), trouble);
}

}  // namespace

StatusLine::StatusLine(const runtime::Engine& engine, const std::string& url, bool quiet)
    : engine_(engine) {
  if (quiet) return;
  fmt::print(stderr, "leat: {}\n", paint_for(stderr).bold(url));
  if (!is_terminal(stderr)) return;
  thread_ = std::jthread([this](std::stop_token stop) { show(std::move(stop)); });
}

StatusLine::~StatusLine() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  fmt::print(stderr, "\n");
}

void StatusLine::show(std::stop_token stop) {
  const Paint paint = paint_for(stderr);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  do {
    // Autowrap off while the line is drawn: a long one is cut at the edge, not folded.
    fmt::print(stderr, "\r\x1b[?7l{}\x1b[K\x1b[?7h", line_of(engine_.status(), paint));
    never.wait_for(lock, stop, show_every, [] { return false; });
  } while (!stop.stop_requested());
}

}  // namespace leat::app
