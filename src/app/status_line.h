#pragma once

#include <string>
#include <thread>

#include "runtime/engine.h"

namespace leat::app {

/// On a terminal, one line that shows how the engine is doing, renewed twice a second; elsewhere,
/// and when quiet, nothing but the page's address at the start.
class StatusLine {
 public:
  StatusLine(const runtime::Engine& engine, const std::string& url, bool quiet);
  ~StatusLine();

 private:
  void show(std::stop_token stop);

  const runtime::Engine& engine_;
  std::jthread thread_;
};

}  // namespace leat::app
