#pragma once

#include <string>

#include "base/clock.h"

namespace leat::server {

/// 2026-01-01T00:00:00.000Z
std::string timestamp_text(TimestampMs time);

}  // namespace leat::server
