#include "runtime/pusher.h"

#include <cstring>

#include <sodium.h>

#include "model/nearest_name.h"
#include "runtime/dead_letters.h"

namespace leat::runtime {
namespace {

/// MurmurHash2 (Austin Appleby), with the seed that Kafka's partitioner uses.
std::uint32_t murmur2(std::string_view bytes) {
  constexpr std::uint32_t multiplier = 0x5bd1e995;
  std::uint32_t hash = 0x9747b28c ^ static_cast<std::uint32_t>(bytes.size());
  while (bytes.size() >= 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data(), 4);
    word *= multiplier;
    word ^= word >> 24;
    hash = hash * multiplier ^ word * multiplier;
    bytes.remove_prefix(4);
  }
  if (!bytes.empty()) {
    for (std::size_t i = bytes.size(); i-- > 0;) {
      hash ^= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    hash *= multiplier;
  }
  hash = (hash ^ hash >> 13) * multiplier;
  return hash ^ hash >> 15;
}

}  // namespace

log::Producer producer_of(const PushIdentity& identity) {
  const std::string text = fmt::format("{}:{}", identity.sequence, identity.id);
  std::uint64_t id = 0;
  unsigned char hash[crypto_generichash_BYTES_MIN];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::memcpy(&id, hash, sizeof id);
  return {.id = static_cast<std::int64_t>(id >> 1), .epoch = 0, .sequence = 0};
}

Partition partition_of_key(std::string_view key, std::int32_t partitions) {
  return Partition(static_cast<std::int32_t>(murmur2(key) & 0x7fffffff) % partitions);
}

Partition Pusher::choose_partition(const log::Topic& topic, const PushRecord& first,
                                   const std::optional<log::Producer>& producer) {
  const std::int32_t partitions = topic.partition_count();
  if (partitions == 1) return Partition(0);
  if (first.has_key) return partition_of_key(first.key, partitions);
  // A retried request must meet its first try.
  if (producer) return Partition(static_cast<std::int32_t>(producer->id % partitions));
  return Partition(static_cast<std::int32_t>(turn_++ % static_cast<std::uint32_t>(partitions)));
}

Result<Appended> Pusher::push(const std::string& name, std::span<const PushRecord> records,
                              const std::optional<PushIdentity>& identity) {
  log::Topic* topic = topics_.find(name);
  if (topic == nullptr || name == dead_letters_topic) {
    std::vector<std::string_view> names;
    for (const log::Topic* other : topics_.all()) names.push_back(other->name());
    return user_error("unknown-topic", "there is no topic `{}` to push to{}", name,
                      did_you_mean(name, names));
  }
  if (records.empty()) return user_error("no-records", "the request holds no records");
  if (disk_full_) {
    return transient_error("disk-full",
                           "the disk has no room for more records; nothing was written; make room "
                           "and send them again");
  }
  std::vector<log::NewRecord> entries;
  entries.reserve(records.size());
  for (const PushRecord& record : records) {
    entries.push_back({.key = record.key, .value = record.value, .has_key = record.has_key});
  }
  std::optional<log::Producer> producer;
  if (identity) producer = producer_of(*identity);
  const Partition partition = choose_partition(*topic, records.front(), producer);
  log::PartitionLog& log = topic->partition(partition);
  const log::AppendResult appended = LEAT_TRY(log.append(entries, producer));
  LEAT_TRY(log.sync(appended.last));
  return Appended{.partition = partition,
                  .first = appended.first,
                  .last = appended.last,
                  .duplicate = appended.duplicate};
}

}  // namespace leat::runtime
