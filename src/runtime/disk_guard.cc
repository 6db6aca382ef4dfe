#include "runtime/disk_guard.h"

#include <condition_variable>

#include <spdlog/spdlog.h>

namespace leat::runtime {

void DiskGuard::start() {
  thread_ = std::jthread([this](std::stop_token stop) { watch(std::move(stop)); });
}

void DiskGuard::watch(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  bool full = false;
  while (!stop.stop_requested()) {
    const Result<std::uint64_t> free = io::posix_file_system().free_bytes(directory_);
    const bool now_full = free && *free < (full ? 2 * reserve_ : reserve_);
    if (free && now_full != full) {
      full = now_full;
      if (full) {
        spdlog::error(
            "{}: {} bytes are left on its disk: nothing more is accepted until there are {}",
            directory_, *free, 2 * reserve_);
      } else {
        spdlog::info("{}: there is room again: going on", directory_);
      }
      on_change_(full);
    }
    never.wait_for(lock, stop, look_every, [] { return false; });
  }
}

}  // namespace leat::runtime
