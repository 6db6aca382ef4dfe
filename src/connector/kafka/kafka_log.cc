#include "connector/kafka/kafka_log.h"

#include <algorithm>

#include "connector/kafka/batch_tag.h"
#include "connector/kafka/log_writer.h"

namespace leat::connector::kafka {
namespace {

/// Looks in a row at which a topic must be absent until it counts as deleted: a broker that has
/// just started may not know better yet.
constexpr int absent_max = 5;
/// So long a topic must be shorter than it was until it counts as made again. A broker that has
/// just become the leader says less until the other replicas have asked it for more (KIP-207):
/// while the engine runs, and at a start.
constexpr std::chrono::seconds shorter_max{30}, shorter_at_start_max{5};
/// Without a note, that many of the newest offsets are read for what producers have sent.
constexpr std::int64_t learned_offsets_max = 100'000;
constexpr std::size_t learn_bytes = 1u << 20;
/// What a record takes beside key, value and headers, and a batch beside its records, at most.
constexpr std::size_t record_overhead = 100;

std::size_t size_of(const log::NewRecord& record) {
  std::size_t bytes = record.key.size() + record.value.size() + record_overhead;
  for (const auto& [name, value] : record.headers) bytes += name.size() + value.size() + 10;
  return bytes;
}

}  // namespace

KafkaLog::KafkaLog(Setup setup)
    : setup_(std::move(setup)),
      reader_(std::make_unique<LogReader>(setup_.lanes, setup_.place, setup_.ring)) {}

Result<log::AppendResult> KafkaLog::append(std::span<const log::NewRecord> records,
                                           const std::optional<log::Producer>& producer) {
  if (records.empty()) return user_error("empty-batch", "a batch needs a record at least");
  for (const log::NewRecord& record : records) {
    if (size_of(record) <= setup_.record_bytes_max + record_overhead) continue;
    return user_error("record-too-large",
                      "topic {}: a record has {} bytes with its key and headers, and {} is the "
                      "most (max.message.bytes of the topic): send smaller ones",
                      setup_.place.first, size_of(record) - record_overhead,
                      setup_.record_bytes_max);
  }
  if (const auto why = lost()) return std::unexpected(*why);
  return setup_.writer.append(*this, records, producer);
}

Status KafkaLog::sync(Offset offset) {
  if (offset < durable_offset()) return {};
  return user_error("offset-out-of-range", "{}/{} ends at offset {}, {} is not there yet",
                    setup_.place.first, setup_.place.second, end_.load(), offset);
}

std::uint64_t KafkaLog::records() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, end_ - first_));
}

Status KafkaLog::read(Offset from, std::size_t bytes_max, Slice& slice) const {
  slice.records.clear();
  slice.begin = slice.next = from;
  const Ends ends = known_ends();
  if (from.value() < ends.low) {
    return user_error("offset-out-of-range",
                      "topic {}: offset {} of partition {} is gone, the cluster's retention has "
                      "removed it; go on at {}",
                      setup_.place.first, from, setup_.place.second, ends.low);
  }
  if (from.value() > ends.high) {
    return user_error("offset-out-of-range", "topic {}: partition {} ends at offset {}, before {}",
                      setup_.place.first, setup_.place.second, ends.high, from);
  }
  if (from.value() == ends.high) return {};
  LEAT_TRY(read_raw(from.value(), bytes_max, slice));
  for (Record& record : slice.records) {
    if (!record.headers.empty()) remove_tag(record);
  }
  return {};
}

Status KafkaLog::read_raw(std::int64_t from, std::size_t bytes_max, Slice& slice) const {
  if (const auto why = lost()) return std::unexpected(*why);
  const Status status = reader_->read(from, bytes_max, known_ends(), slice);
  if (!status && status.error().code == "position-lost") {
    // Retention may have been faster; whatever else it is comes to light at the next looks.
    const auto client = LEAT_TRY(setup_.lanes.lane(0));
    const Ends ends = LEAT_TRY(
        query_ends(client->client(), setup_.place, Deadline({}, LogReader::wait_max.count())));
    first_ = std::max(first_.load(), ends.low);
    if (from < ends.low) return {};  // asked again, it says so
    return transient_error("kafka-unreachable", "{}; it is read again", status.error().message);
  }
  if (!status) return status;
  end_at_least(slice.next.value());
  if (!slice.records.empty()) {
    const Record& last = slice.records.back();
    std::lock_guard lock(mutex_);
    if (!last_ || last_->offset < last.offset.value()) {
      last_ = {last.offset.value(), Fingerprint::of(last.timestamp, last.value)};
    }
  }
  return {};
}

bool KafkaLog::end_at_least(std::int64_t end) const {
  std::int64_t known = end_;
  while (known < end) {
    if (end_.compare_exchange_weak(known, end)) return true;
  }
  return false;
}

Result<Offset> KafkaLog::offset_at(TimestampMs time) const {
  const auto client = LEAT_TRY(setup_.lanes.lane(0));
  const auto found =
      LEAT_TRY(kafka::offset_at(client->client(), setup_.place, time,
                                Deadline({}, client->client().connection().connect_timeout_ms)));
  return Offset(found.value_or(end_));
}

Status KafkaLog::truncate_to(Offset offset) {
  if (offset >= durable_offset()) return {};
  return user_error("log-not-cut",
                    "topic {}: partition {} is on a cluster and can't be cut back to offset {}",
                    setup_.place.first, setup_.place.second, offset);
}

std::optional<Error> KafkaLog::lost() const {
  std::lock_guard lock(mutex_);
  return lost_;
}

std::unexpected<Error> KafkaLog::lose(std::string_view what) const {
  setup_.lanes.note_deletion();
  std::lock_guard lock(mutex_);
  lost_ = user_error("log-topic-lost",
                     "kafka topic {}: {} (partition {}). What the data directory has made of it is "
                     "of records that are no longer there; restore the topic, or start with an "
                     "empty data directory (--data)",
                     setup_.place.first, what, setup_.place.second)
              .error();
  return std::unexpected(*lost_);
}

Result<bool> KafkaLog::look(const Deadline& deadline) {
  {
    std::lock_guard lock(mutex_);
    if (lost_) return false;
    producers_.expire(system_clock().now_ms());
  }
  const auto client = LEAT_TRY(setup_.lanes.lane(0));
  const auto ends = query_ends(client->client(), setup_.place, deadline);
  if (!ends && ends.error().code == "kafka-topic-missing") {
    if (++absent_for_ >= absent_max) return lose("it was deleted");
    return false;
  }
  if (!ends) return std::unexpected(ends.error());
  if (ends->high < end_ || ends->low < first_) {
    const auto now = std::chrono::steady_clock::now();
    if (!shorter_since_) shorter_since_ = now;
    if (now - *shorter_since_ < shorter_max) return false;
    return lose(
        fmt::format("it holds the offsets from {} to {}, and had those from {} to {}: it "
                    "was deleted and made again, or has lost records",
                    ends->low, ends->high, first_.load(), end_.load()));
  }
  absent_for_ = 0;
  shorter_since_.reset();
  first_ = ends->low;
  return end_at_least(ends->high);
}

bool KafkaLog::pull() {
  const auto end = reader_->pull(end_);
  return end && end_at_least(*end);
}

/// Brokers learn of a topic that was just made one after the other.
Result<Ends> KafkaLog::first_look(std::int64_t end_before, const Deadline& deadline) {
  const auto client = LEAT_TRY(setup_.lanes.lane(0));
  const auto shorter_until = std::chrono::steady_clock::now() + shorter_at_start_max;
  while (true) {
    auto ends = query_ends(client->client(), setup_.place, deadline);
    if (!ends && ends.error().code != "kafka-topic-missing") return ends;
    const bool is_all = ends && ends->high >= end_before;
    const bool is_over = ends && std::chrono::steady_clock::now() >= shorter_until;
    if (is_all || is_over || deadline.over()) return ends;
    client->client().serve(50);
  }
}

Status KafkaLog::open(const std::optional<LogNote>& note, const Deadline& deadline) {
  const Ends ends = LEAT_TRY(first_look(note ? note->end : 0, deadline));
  first_ = ends.low;
  end_ = ends.high;
  if (!note) return learn(std::max(ends.low, ends.high - learned_offsets_max));
  if (ends.high < note->end) {
    return lose(
        fmt::format("it ends at offset {}, and was {} long: it was deleted and made "
                    "again, or has lost records",
                    ends.high, note->end));
  }
  if (note->last && note->last->offset >= ends.low) {
    Slice slice;
    LEAT_TRY(read_raw(note->last->offset, 1, slice));
    LEAT_TRY(compare_with(*note, slice));
  }
  {
    std::lock_guard lock(mutex_);
    producers_ = note->producers;
    if (!last_) last_ = note->last;
  }
  return learn(std::max(ends.low, note->end));
}

/// Of a topic that is compacted a record may be gone, but no other one can have taken its place.
Status KafkaLog::compare_with(const LogNote& note, const Slice& slice) const {
  const bool is_there =
      !slice.records.empty() && slice.records.front().offset.value() == note.last->offset;
  if (!is_there && setup_.compacted) return {};
  if (is_there) {
    const Record& record = slice.records.front();
    if (Fingerprint::of(record.timestamp, record.value) == note.last->print) return {};
  }
  return lose(
      fmt::format("another record stands at offset {} than the one that was there: it was "
                  "deleted and made again",
                  note.last->offset));
}

Status KafkaLog::learn(std::int64_t from) {
  Slice slice;
  while (from < end_) {
    LEAT_TRY(read_raw(from, learn_bytes, slice));
    take(slice);
    if (slice.next.value() <= from) break;
    from = slice.next.value();
  }
  return {};
}

void KafkaLog::take(const Slice& slice) {
  std::lock_guard lock(mutex_);
  for (const Record& record : slice.records) {
    if (record.headers.empty()) continue;
    const auto tag = tag_of(record);
    if (!tag) continue;
    producers_.note({.base_offset = record.offset + (1 - tag->count),
                     .last_offset_delta = tag->count - 1,
                     .max_timestamp = record.timestamp,
                     .producer_id = tag->producer.id,
                     .producer_epoch = tag->producer.epoch,
                     .base_sequence = tag->producer.sequence},
                    record.timestamp);
  }
}

LogNote KafkaLog::note() const {
  std::lock_guard lock(mutex_);
  return {.end = end_, .last = last_, .producers = producers_};
}

Result<std::optional<log::AppendResult>> KafkaLog::known(const log::Producer& producer,
                                                         std::int32_t count) const {
  std::lock_guard lock(mutex_);
  return producers_.check(producer, count);
}

void KafkaLog::written(const log::AppendResult& at, const std::optional<log::Producer>& producer,
                       std::int32_t count, TimestampMs now, const Fingerprint& last) {
  {
    std::lock_guard lock(mutex_);
    if (producer) {
      producers_.note({.base_offset = at.last + (1 - count),
                       .last_offset_delta = count - 1,
                       .max_timestamp = now,
                       .producer_id = producer->id,
                       .producer_epoch = producer->epoch,
                       .base_sequence = producer->sequence},
                      now);
    }
    last_ = {at.last.value(), last};
  }
  end_at_least(at.last.value() + 1);
}

Result<bool> KafkaLog::holds(std::int64_t offset, const Deadline& deadline) {
  LEAT_TRY(look(deadline));
  if (offset >= end_) return false;
  Slice slice;
  LEAT_TRY(read_raw(offset, 1, slice));
  return !slice.records.empty() && slice.records.front().offset.value() == offset;
}

}  // namespace leat::connector::kafka
