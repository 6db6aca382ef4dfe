#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "log/record_batch.h"
#include "log/topics.h"

namespace leat::log {

/// What a partition remembers of its producers, so that a batch that is sent again is not written
/// again: the last 5 batches of each, as Kafka. Bounded: at most producers_max, those quiet for
/// longest leave first. Not thread-safe.
class Producers {
 public:
  static constexpr std::size_t batches_kept = 5;
  static constexpr std::size_t producers_max = 100'000;
  static constexpr TimestampMs quiet_ms_max = 24 * 3600 * 1000;

  /// The offsets that a batch of `count` records was given, when it is one of those remembered;
  /// nothing when it is the producer's next. Errors (user): `out-of-sequence`, `producer-fenced`
  /// (a newer epoch has written).
  Result<std::optional<AppendResult>> check(const Producer& producer, std::int32_t count) const;

  /// Notes a batch that is in the log; does nothing when it names no producer.
  void note(const BatchHeader& batch, TimestampMs now);

  /// Forgets producers that have been quiet for too long.
  void expire(TimestampMs now);

  std::size_t size() const { return known_.size(); }

  /// As the index file holds them.
  void encode(std::string& out) const;
  static std::optional<Producers> decode(std::string_view bytes);

 private:
  struct Batch {
    std::int32_t first_sequence = 0;
    std::int32_t last_sequence = 0;
    std::int64_t first_offset = 0;
    TimestampMs timestamp = 0;
  };
  struct Entry {
    TimestampMs last_seen = 0;
    std::int16_t epoch = 0;
    std::uint8_t count = 0;
    std::array<Batch, batches_kept> batches;  ///< the first `count`, oldest first
    const Batch& last() const { return batches[count - 1]; }
  };
  void make_room();

  std::unordered_map<std::int64_t, Entry> known_;
};

}  // namespace leat::log
