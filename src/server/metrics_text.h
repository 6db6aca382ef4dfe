#pragma once

#include <string>
#include <string_view>

#include "runtime/status.h"
#include "server/http_metrics.h"

namespace leat::server {

/// All numbers in Prometheus' text format, version 0.0.4.
std::string metrics_text(const runtime::EngineStatus& status, const HttpMetrics& http,
                         std::string_view version);

}  // namespace leat::server
