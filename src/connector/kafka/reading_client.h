#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connector/kafka/client.h"
#include "connector/kafka/source_options.h"

namespace leat::connector::kafka {

using TopicPartition = std::pair<std::string, int>;

/// What a partition's last processed message looked like, so that another one in its place is
/// noticed: the topic was deleted and made again. Kept beside the group's offset (see
/// docs/formats/kafka_source.md).
struct Fingerprint {
  std::int64_t timestamp_ms = 0;
  std::uint32_t checksum = 0;  ///< CRC-32 of the value's first KiB
  bool operator==(const Fingerprint&) const = default;

  static Fingerprint of(std::int64_t timestamp_ms, std::string_view value);
  std::string text() const;
  static std::optional<Fingerprint> parse(std::string_view text);
};

/// What the group's offset of a partition says.
struct GroupPosition {
  std::int64_t offset = 0;
  std::optional<Fingerprint> last;  ///< of the message before the offset, where Leat committed it
};

/// A source's one client, shared by its partitions and by the thread that looks for new ones.
/// Thread-safe.
class ReadingClient {
 public:
  static Result<std::shared_ptr<ReadingClient>> make(const SourceOptions& options);
  ~ReadingClient();

  Client& client() { return *client_; }
  /// The handle lives as long as this object.
  rd_kafka_topic_t* topic(const std::string& name);

  /// Why the cluster could not be asked when it was last tried; nothing: it could.
  void set_trouble(std::optional<Error> trouble);
  std::optional<Error> trouble() const;

  /// A topic that is read was deleted.
  void note_deletion() { topic_deleted_ = true; }

  /// Notes what is to be committed to the group; `commit_positions` does it.
  void note_committed(const TopicPartition& partition, GroupPosition position);
  /// Sends what was noted since the last call, and waits at most so long for the answer.
  void commit_positions(int timeout_ms);

 private:
  ReadingClient() = default;

  std::unique_ptr<Client> client_;
  std::atomic<bool> topic_deleted_ = false;
  std::atomic<bool> in_trouble_ = false;
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;
  std::map<std::string, rd_kafka_topic_t*> topics_;
  std::map<TopicPartition, GroupPosition> noted_;
};

}  // namespace leat::connector::kafka
