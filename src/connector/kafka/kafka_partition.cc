#include "connector/kafka/kafka_partition.h"

#include <algorithm>
#include <cstring>

#include "connector/kafka/record_headers.h"

namespace leat::connector::kafka {
namespace {

/// Messages that are taken at a time.
constexpr std::size_t messages_min = 16, messages_max = 10'000;
/// Slices whose end is remembered until they are committed; beyond that the oldest are forgotten.
constexpr std::size_t ends_max = 4096;

std::string_view bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

/// The headers as a Kafka record holds them.
void encode_headers(const rd_kafka_message_t* message, std::vector<RecordHeader>& scratch,
                    std::string& out) {
  out.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  scratch.clear();
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    RecordHeader& header = scratch.emplace_back(RecordHeader{name, std::nullopt});
    if (value != nullptr) header.value = bytes_of(value, size);
  }
  append_headers(scratch, out);
}

}  // namespace

KafkaPartition::KafkaPartition(std::shared_ptr<ReadingClient> reading, TopicPartition partition,
                               std::shared_ptr<const PartitionState> state, bool stop_at_end)
    : reading_(std::move(reading)),
      partition_(std::move(partition)),
      state_(std::move(state)),
      stop_at_end_(stop_at_end),
      topic_(reading_->topic(partition_.first)),
      next_(state_->start),
      committed_(state_->start) {}

KafkaPartition::~KafkaPartition() { stop(); }

std::string KafkaPartition::name() const {
  return fmt::format("{}/{}", partition_.first, partition_.second);
}

std::unexpected<Error> KafkaPartition::position_lost(std::string_view what) const {
  return user_error("position-lost",
                    "kafka topic {}: {}, so reading can't go on at offset {} of partition {}; to "
                    "read the topic anew give the source another name, or restore the topic",
                    partition_.first, what, next_, partition_.second);
}

/// What a position outside of the partition's offsets means.
std::unexpected<Error> KafkaPartition::out_of_range() const {
  std::int64_t low = state_->low, high = state_->high;
  rd_kafka_get_watermark_offsets(reading_->client().handle(), partition_.first.c_str(),
                                 partition_.second, &low, &high);
  if (low < 0 || high < 0) {
    low = state_->low;
    high = state_->high;
  }
  if (next_ < low) {
    return position_lost(
        fmt::format("the cluster has removed the messages before offset {} "
                    "(retention was faster than the reader)",
                    low));
  }
  return position_lost(
      fmt::format("it ends at offset {}, before what was read already; it was "
                  "deleted and made again, or lost messages",
                  high));
}

Status KafkaPartition::seek(Offset position) {
  stop();
  next_ = position.value();
  end_seen_ = -1;
  {
    std::lock_guard lock(mutex_);
    committed_ = next_;
    ends_.clear();
  }
  if (next_ < state_->low || next_ > state_->high) return out_of_range();
  if (state_->made_anew && next_ > 0) {
    return position_lost(
        "another message stands where the last one was that was read; the topic "
        "was deleted and made again");
  }
  return {};
}

Status KafkaPartition::begin() {
  if (reading_begun_) return {};
  if (rd_kafka_consume_start(topic_, partition_.second, next_) != 0) {
    return std::unexpected(reading_->client().error(rd_kafka_last_error(),
                                                    fmt::format("can't begin to read {}", name())));
  }
  reading_begun_ = true;
  if (!notify_) return {};
  queue_ = rd_kafka_queue_get_partition(reading_->client().handle(), partition_.first.c_str(),
                                        partition_.second);
  if (queue_ == nullptr) return {};
  // Called when the first message comes to an empty queue, while that is locked.
  rd_kafka_queue_cb_event_enable(
      queue_, [](rd_kafka_t*, void* self) { static_cast<KafkaPartition*>(self)->notify_(); }, this);
  return {};
}

bool KafkaPartition::tell_when_ready(std::function<void()> notify) {
  notify_ = std::move(notify);
  return true;
}

void KafkaPartition::stop() {
  if (queue_ != nullptr) {
    rd_kafka_queue_cb_event_enable(queue_, nullptr, nullptr);
    rd_kafka_queue_destroy(queue_);
    queue_ = nullptr;
  }
  if (reading_begun_) rd_kafka_consume_stop(topic_, partition_.second);
  reading_begun_ = false;
}

Result<PartitionReader::Outcome> KafkaPartition::read(Slice& slice, std::size_t bytes_max) {
  slice.records.clear();
  if (state_->deleted) return position_lost("it was deleted");
  if (stop_at_end_ && std::max(next_, end_seen_) >= state_->high) return Outcome::ended;
  LEAT_TRY(begin());
  messages_.resize(std::clamp(bytes_max / bytes_per_message_, messages_min, messages_max));
  const ssize_t count =
      rd_kafka_consume_batch(topic_, partition_.second, 0, messages_.data(), messages_.size());
  if (count <= 0) return nothing();
  Status status;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    rd_kafka_message_t* const message = messages_[i];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      messages_[kept++] = message;
      continue;
    }
    if (const Status event = take_event(message); !event) status = event;
    rd_kafka_message_destroy(message);
  }
  if (kept > 0) {
    fill(slice, kept);
    remember(slice);
    return Outcome::records;
  }
  if (!status) return std::unexpected(status.error());
  if (stop_at_end_ && std::max(next_, end_seen_) >= state_->high) return Outcome::ended;
  return nothing();
}

/// Told apart from a cluster that can't be reached, of which a reader hears nothing.
Result<PartitionReader::Outcome> KafkaPartition::nothing() const {
  if (const auto trouble = reading_->trouble()) return std::unexpected(*trouble);
  return Outcome::nothing;
}

Status KafkaPartition::take_event(const rd_kafka_message_t* message) {
  switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      end_seen_ = message->offset;
      return {};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return out_of_range();
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      // A broker that has just started may not know it yet; the cluster is asked elsewhere.
      return {};
    default:
      break;
  }
  Error error = reading_->client().error(message->err, rd_kafka_message_errstr(message),
                                         fmt::format("can't read {}", name()));
  // librdkafka goes on by itself after all that may pass.
  if (error.retryable) return {};
  return std::unexpected(std::move(error));
}

/// One copy of each message, all into the slice's one piece of memory.
void KafkaPartition::fill(Slice& slice, std::size_t count) {
  std::vector<RecordHeader> scratch;
  if (headers_.size() < count) headers_.resize(count);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    encode_headers(messages_[i], scratch, headers_[i]);
    bytes += messages_[i]->len + messages_[i]->key_len + headers_[i].size();
  }
  slice.bytes.resize(bytes + slice_padding);
  char* at = slice.bytes.data();
  const auto copy = [&](const void* data, std::size_t size) {
    if (size > 0) std::memcpy(at, data, size);
    const std::string_view copied(at, size);
    at += size;
    return copied;
  };
  slice.records.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    rd_kafka_message_t* const message = messages_[i];
    rd_kafka_timestamp_type_t type;
    Record& record = slice.records[i];
    record = {};
    record.offset = Offset(message->offset);
    record.timestamp = std::max<std::int64_t>(0, rd_kafka_message_timestamp(message, &type));
    record.has_key = message->key != nullptr;
    if (record.has_key) record.key = copy(message->key, message->key_len);
    if (message->payload != nullptr) record.value = copy(message->payload, message->len);
    if (!headers_[i].empty()) record.headers = copy(headers_[i].data(), headers_[i].size());
    rd_kafka_message_destroy(message);
  }
  bytes_per_message_ = std::max<std::size_t>(1, bytes / count);
  slice.begin = slice.records.front().offset;
  next_ = slice.records.back().offset.value() + 1;
  slice.next = Offset(next_);
}

void KafkaPartition::remember(const Slice& slice) {
  const Record& last = slice.records.back();
  std::lock_guard lock(mutex_);
  ends_.push_back({next_, Fingerprint::of(last.timestamp, last.value)});
  if (ends_.size() > ends_max) ends_.pop_front();
}

void KafkaPartition::committed(Offset position) {
  GroupPosition noted{position.value(), std::nullopt};
  {
    std::lock_guard lock(mutex_);
    if (position.value() == committed_) return;
    committed_ = position.value();
    while (!ends_.empty() && ends_.front().offset <= position.value()) {
      if (ends_.front().offset == position.value()) noted = ends_.front();
      ends_.pop_front();
    }
  }
  reading_->note_committed(partition_, noted);
}

std::uint64_t KafkaPartition::lag() const {
  std::int64_t low = 0, high = 0;
  const auto code = rd_kafka_get_watermark_offsets(
      reading_->client().handle(), partition_.first.c_str(), partition_.second, &low, &high);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) high = state_->high;
  const std::int64_t read = std::max(next_, end_seen_);
  return high > read ? static_cast<std::uint64_t>(high - read) : 0;
}

}  // namespace leat::connector::kafka
