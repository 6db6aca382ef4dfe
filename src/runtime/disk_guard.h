#pragma once

#include <functional>
#include <mutex>
#include <thread>

#include "io/file_system.h"
#include "runtime/engine.h"

namespace leat::runtime {

/// Watches the room on the data directory's disk: below the reserve nothing more is accepted, so
/// that commits still find room for what was; above twice the reserve it goes on by itself.
class DiskGuard {
 public:
  static constexpr std::chrono::milliseconds look_every{500};

  /// `on_change(full)` is called from the guard's thread.
  DiskGuard(const Options& options, std::function<void(bool)> on_change)
      : directory_(options.data_directory),
        reserve_(options.disk_reserve_bytes),
        on_change_(std::move(on_change)) {}

  void start();

 private:
  void watch(std::stop_token stop);

  const std::string directory_;
  const std::uint64_t reserve_;
  const std::function<void(bool)> on_change_;
  std::jthread thread_;
};

}  // namespace leat::runtime
