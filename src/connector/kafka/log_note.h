#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "connector/kafka/reading_client.h"
#include "io/file_system.h"
#include "log/producers.h"

namespace leat::connector::kafka {

/// What is noted on our own disk of a partition on the cluster, now and then, so that a start need
/// not read it from its beginning.
struct LogNote {
  /// A record that was seen.
  struct Last {
    std::int64_t offset = 0;
    Fingerprint print;
  };
  std::int64_t end = 0;  ///< the rest is as of this offset
  std::optional<Last> last;
  log::Producers producers;
};

/// The notes of all partitions, and whose they are: docs/formats/kafka_log.md.
struct LogNotes {
  std::string cluster;  ///< its id
  std::string prefix;
  std::map<TopicPartition, LogNote> partitions;

  std::string text() const;
  /// Nothing: damaged.
  static std::optional<LogNotes> parse(std::string_view text);
};

/// Nothing: there are none yet. Error `log-damaged`.
Result<std::optional<LogNotes>> read_notes(io::FileSystem& files, const std::string& directory);
Status write_notes(io::FileSystem& files, const std::string& directory, const LogNotes& notes);

}  // namespace leat::connector::kafka
