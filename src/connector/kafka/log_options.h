#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "connector/kafka/connection.h"

namespace leat::connector::kafka {

/// The settings of a log that is kept on a cluster. Pure data, with secrets.
struct LogOptions {
  Connection connection;
  std::string prefix;    ///< of the names of its topics on the cluster
  int replication = -1;  ///< of topics that are made; -1: as the cluster does by default
  std::map<std::string, std::string> topic_settings;  ///< likewise
  std::int64_t timeout_ms = 0;                        ///< how long an append is waited for
  std::string transactional_id;
  std::string notes_directory;  ///< on our own disk; empty: nothing is noted
};

/// `context.owner` says whose log it is, `context.durable_directory` where notes are kept. Error
/// `kafka-setting` (user).
Result<LogOptions> read_log_options(const Settings& settings, const Context& context);

}  // namespace leat::connector::kafka
