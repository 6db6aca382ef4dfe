#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string>

#include "log/topics.h"
#include "runtime/engine.h"

namespace leat::runtime {

/// Appends what is pushed, and answers once it is on disk. Any thread; concurrent pushes share
/// their fsyncs.
class Pusher {
 public:
  explicit Pusher(log::Topics& topics) : topics_(topics) {}

  Result<Appended> push(const std::string& topic, std::span<const PushRecord> records,
                        const std::optional<PushIdentity>& identity);

  /// Pushes are refused with `disk-full` while there is no room. Any thread.
  void set_disk_full(bool full) { disk_full_ = full; }

 private:
  Partition choose_partition(const log::Topic& topic, const PushRecord& first,
                             const std::optional<log::Producer>& producer);

  log::Topics& topics_;
  std::atomic<bool> disk_full_{false};
  std::atomic<std::uint32_t> turn_{0};
};

/// The identity as a producer of the log: its id is the first 63 bits of the BLAKE2b hash of name
/// and sequence, so that each identity is a producer that ever sends one batch.
log::Producer producer_of(const PushIdentity& identity);

/// Kafka's default partitioner: murmur2 over the key, sign bit cleared, modulo the partitions.
Partition partition_of_key(std::string_view key, std::int32_t partitions);

}  // namespace leat::runtime
