#pragma once

#include <cstdint>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "connector/kafka/connection.h"

namespace leat::connector::kafka {

/// Where a partition is begun that was never read.
struct Start {
  enum class Kind { earliest, latest, committed, time };
  Kind kind = Kind::earliest;
  std::int64_t time_ms = 0;  ///< of Kind::time
};

/// A source's settings. Pure data.
struct SourceOptions {
  Connection connection;
  std::vector<std::string> names;
  std::vector<std::regex> patterns;
  Start start;
  bool stop_at_end = false;
  std::string group;
  std::string isolation;
  std::int64_t discover_every_ms = 0;

  /// Whether a topic of this name is read; Kafka's own topics only when they are named.
  bool wants(const std::string& topic) const;
};

/// Error `kafka-setting` (user).
Result<SourceOptions> read_source_options(const Settings& settings, const Context& context);

}  // namespace leat::connector::kafka
