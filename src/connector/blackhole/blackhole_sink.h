#pragma once

#include <memory>

#include "connector/sink.h"

namespace leat::connector {

/// The sink `blackhole`: takes every row, of streams and of views, and forgets it.
std::unique_ptr<EpochSink> make_blackhole_sink();

}  // namespace leat::connector
