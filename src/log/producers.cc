#include "log/producers.h"

#include <algorithm>
#include <vector>

#include "log/little_endian.h"

namespace leat::log {

Result<std::optional<AppendResult>> Producers::check(const Producer& producer,
                                                     std::int32_t count) const {
  const auto found = known_.find(producer.id);
  // A producer that is not known (any more) may begin with any sequence, as in Kafka.
  if (found == known_.end()) return std::optional<AppendResult>();
  const Entry& entry = found->second;
  if (producer.epoch < entry.epoch) {
    return user_error("producer-fenced",
                      "producer {} has written with epoch {}, so epoch {} may no longer write; get "
                      "a new epoch or another producer id",
                      producer.id, entry.epoch, producer.epoch);
  }
  if (producer.epoch > entry.epoch) {
    if (producer.sequence == 0) return std::optional<AppendResult>();
    return user_error("out-of-sequence",
                      "producer {} begins epoch {} with sequence {}; a new epoch begins with 0",
                      producer.id, producer.epoch, producer.sequence);
  }
  const std::int32_t last_sequence = add_to_sequence(producer.sequence, count - 1);
  for (std::size_t index = 0; index < entry.count; ++index) {
    const Batch& batch = entry.batches[index];
    if (batch.first_sequence != producer.sequence || batch.last_sequence != last_sequence) continue;
    return AppendResult{Offset(batch.first_offset), Offset(batch.first_offset + count - 1), true};
  }
  const std::int32_t next = add_to_sequence(entry.last().last_sequence, 1);
  if (producer.sequence == next) return std::optional<AppendResult>();
  return user_error("out-of-sequence",
                    "producer {} sent sequence {}, but {} is next; send the batches in order and "
                    "repeat a batch unchanged",
                    producer.id, producer.sequence, next);
}

void Producers::note(const BatchHeader& batch, TimestampMs now) {
  if (batch.producer_id < 0 || batch.base_sequence < 0 || batch.is_control()) return;
  if (!known_.contains(batch.producer_id) && known_.size() >= producers_max) make_room();
  Entry& entry = known_[batch.producer_id];
  if (entry.count > 0 && entry.epoch != batch.producer_epoch) entry.count = 0;
  if (entry.count == batches_kept) {
    std::rotate(entry.batches.begin(), entry.batches.begin() + 1, entry.batches.end());
    --entry.count;
  }
  entry.epoch = batch.producer_epoch;
  entry.last_seen = now;
  entry.batches[entry.count++] = {batch.base_sequence,
                                  add_to_sequence(batch.base_sequence, batch.last_offset_delta),
                                  batch.base_offset.value(), batch.max_timestamp};
}

void Producers::expire(TimestampMs now) {
  std::erase_if(known_,
                [&](const auto& known) { return known.second.last_seen < now - quiet_ms_max; });
}

// A tenth at once, so that it costs little for each new producer.
void Producers::make_room() {
  std::vector<std::int64_t> last_offsets;
  last_offsets.reserve(known_.size());
  for (const auto& [id, entry] : known_) last_offsets.push_back(entry.last().first_offset);
  const auto tenth = last_offsets.begin() + static_cast<std::ptrdiff_t>(known_.size() / 10);
  std::ranges::nth_element(last_offsets, tenth);
  std::erase_if(known_,
                [&](const auto& known) { return known.second.last().first_offset <= *tenth; });
}

void Producers::encode(std::string& out) const {
  put_number(out, static_cast<std::uint32_t>(known_.size()));
  for (const auto& [id, entry] : known_) {
    put_number(out, id);
    put_number(out, entry.last_seen);
    put_number(out, entry.epoch);
    put_number(out, entry.count);
    for (std::size_t index = 0; index < entry.count; ++index) {
      put_number(out, entry.batches[index].first_sequence);
      put_number(out, entry.batches[index].last_sequence);
      put_number(out, entry.batches[index].first_offset);
      put_number(out, entry.batches[index].timestamp);
    }
  }
}

std::optional<Producers> Producers::decode(std::string_view bytes) {
  Producers producers;
  std::uint32_t count = 0;
  if (!take_number(bytes, count) || count > producers_max) return std::nullopt;
  for (; count > 0; --count) {
    std::int64_t id = 0;
    Entry entry;
    const bool whole = take_number(bytes, id) && take_number(bytes, entry.last_seen) &&
                       take_number(bytes, entry.epoch) && take_number(bytes, entry.count);
    if (!whole || entry.count == 0 || entry.count > batches_kept) return std::nullopt;
    for (std::size_t index = 0; index < entry.count; ++index) {
      Batch& batch = entry.batches[index];
      if (!take_number(bytes, batch.first_sequence) || !take_number(bytes, batch.last_sequence) ||
          !take_number(bytes, batch.first_offset) || !take_number(bytes, batch.timestamp)) {
        return std::nullopt;
      }
    }
    producers.known_.emplace(id, entry);
  }
  if (!bytes.empty()) return std::nullopt;
  return producers;
}

}  // namespace leat::log
