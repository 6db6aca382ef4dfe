#include "connector/kafka/log_writer.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "connector/kafka/batch_tag.h"
#include "connector/kafka/kafka_log.h"

namespace leat::connector::kafka {
namespace {

/// Of one transaction; a larger batch makes one of its own.
constexpr std::size_t group_bytes_max = 16u << 20;
constexpr std::size_t group_batches_max = 4096;
/// How long brokers leave a transaction open beyond an append's time-out, which is how long readers
/// wait for a writer that has crashed for good.
constexpr std::int64_t transaction_spare_ms = 15'000;
constexpr std::int64_t abort_timeout_ms = 1000;
/// How long a stop waits for what has begun.
constexpr std::int64_t stop_timeout_ms = 3000;
/// So often in so much time somebody else can't have shut us out by chance.
constexpr std::size_t shut_out_max = 3;
constexpr std::chrono::minutes shut_out_memory{5};
constexpr std::int64_t retry_first_ms = 50, retry_max_ms = 2000;

/// Of a batch's first and last message: in the number that it is sent with, beside the address.
constexpr std::uintptr_t is_first = 1, is_last = 2;

Client::Properties properties_of(const LogOptions& options) {
  return {{"enable.idempotence", "true"},
          {"transactional.id", options.transactional_id},
          {"transaction.timeout.ms", fmt::format("{}", options.timeout_ms + transaction_spare_ms)},
          {"message.timeout.ms", fmt::format("{}", options.timeout_ms)},
          // All is handed over, then flushed at once: waiting makes whole batches.
          {"linger.ms", "20"},
          {"batch.num.messages", "50000"},
          {"queue.buffering.max.messages", "1000000"},
          {"queue.buffering.max.kbytes", "131072"},
          {"message.max.bytes", "100000000"}};
}

Message message_of(const log::NewRecord& record, TimestampMs now) {
  return {.key = record.has_key ? std::string_view(record.key.data() == nullptr ? "" : record.key)
                                : std::string_view(),
          .value = record.tombstone
                       ? std::string_view()
                       : std::string_view(record.value.data() == nullptr ? "" : record.value),
          .timestamp_ms = record.timestamp == 0 ? now : record.timestamp};
}

}  // namespace

/// A batch that somebody waits for.
struct LogWriter::Append {
  enum class State {
    queued,
    read,  ///< by the writer: the records must stay
    sent,
    done
  };
  KafkaLog& log;
  std::span<const log::NewRecord> records;
  std::optional<log::Producer> producer;
  std::size_t bytes = 0;
  State state = State::queued;
  bool abandoned = false;  ///< nobody waits any more
  bool alone = false;      ///< the last try failed, perhaps by its fault
  TimestampMs now = 0;
  std::int64_t first = -1, last = -1;
  Fingerprint print;  ///< of the last record
  std::optional<rd_kafka_resp_err_t> failed;
  Result<log::AppendResult> result;
};

LogWriter::LogWriter(const LogOptions& options, std::function<void(KafkaLog&)> on_written)
    : options_(options),
      on_written_(std::move(on_written)),
      backoff_(retry_first_ms, retry_max_ms) {}

LogWriter::~LogWriter() { stop(); }

Status LogWriter::open(const Deadline& deadline) {
  LEAT_TRY(make_producer(deadline));
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  return {};
}

Status LogWriter::make_producer(const Deadline& deadline) {
  auto producer = LEAT_TRY(Producer::make(
      options_.connection, properties_of(options_),
      [this](std::uintptr_t number, std::int64_t offset) { on_delivered(number, offset); }));
  LEAT_TRY(producer->init(deadline));
  producer_ = std::move(producer);
  return {};
}

void LogWriter::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  end(Error{Domain::external, "stopping", "the server is stopping", true});
}

std::optional<Error> LogWriter::trouble() const {
  std::lock_guard lock(mutex_);
  return ended_ ? ended_ : trouble_;
}

Result<log::AppendResult> LogWriter::append(KafkaLog& log, std::span<const log::NewRecord> records,
                                            const std::optional<log::Producer>& producer) {
  auto append = std::make_shared<Append>(
      Append{.log = log, .records = records, .producer = producer, .failed = {}, .result = {}});
  for (const log::NewRecord& record : records) append->bytes += record.value.size();
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.timeout_ms);
  std::unique_lock lock(mutex_);
  if (ended_) return std::unexpected(*ended_);
  queue_.push_back(append);
  changed_.notify_all();
  const auto done = [&] { return append->state == Append::State::done; };
  if (changed_.wait_until(lock, until, done)) return append->result;
  changed_.wait(lock, [&] { return append->state != Append::State::read; });
  if (done()) return append->result;
  append->abandoned = true;
  const bool queued = std::erase(queue_, append) > 0;
  if (!trouble_) {
    trouble_ = transient_error("kafka-unreachable",
                               "kafka {}: topic {} has not taken records within {} ms",
                               options_.connection.brokers, log.place().first, options_.timeout_ms)
                   .error();
  }
  return transient_error("kafka-unreachable", "{}; {}", trouble_->message,
                         queued ? "nothing was written, send the records again"
                                : "whether the records are written is not known yet: send them "
                                  "again with the same Idempotency-Key, and they count once");
}

void LogWriter::note_reached() {
  std::lock_guard lock(mutex_);
  if (queue_.empty()) trouble_.reset();
}

void LogWriter::run(const std::stop_token& stop) {
  while (wait_for_work(stop)) {
    Status status = make_ready(stop);
    if (status) status = write_next(stop);
    if (!status) {
      note_failure(status.error(), stop);
      continue;
    }
    failures_ = 0;
    std::lock_guard lock(mutex_);
    trouble_.reset();
  }
  if (producer_) (void)producer_->abort(Deadline({}, abort_timeout_ms));
  producer_.reset();
}

bool LogWriter::wait_for_work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [&] { return !queue_.empty() || !doubt_.empty(); }) &&
         !stop.stop_requested() && !ended_;
}

Status LogWriter::make_ready(const std::stop_token& stop) {
  if (!producer_) LEAT_TRY(make_producer(Deadline(stop, options_.connection.connect_timeout_ms)));
  return doubt_.empty() ? Status() : settle_doubt(stop);
}

/// The commit was sent and its answer never came. With the producer made anew it is settled, one
/// way or the other, and the partition itself tells which.
Status LogWriter::settle_doubt(const std::stop_token& stop) {
  const Append& one = *doubt_.front();
  if (LEAT_TRY(one.log.holds(one.first, Deadline(stop, options_.connection.connect_timeout_ms)))) {
    finish(doubt_);
    doubt_.clear();
  } else {
    begin_again(std::exchange(doubt_, {}));
  }
  return {};
}

/// One transaction with what waits.
Status LogWriter::write_next(const std::stop_token& stop) {
  Group group = take_group();
  if (group.empty()) return {};
  begun_ = std::chrono::steady_clock::now();
  const Deadline deadline(stop, options_.timeout_ms);
  Status sent = producer_->begin();
  if (sent) sent = send(group, deadline);
  if (sent) sent = producer_->flush(deadline);
  const Result<bool> spoilt = learn_from_failures(group);
  if (sent && !spoilt) sent = std::unexpected(spoilt.error());
  if (!sent || *spoilt) {
    if (!producer_->abort(Deadline(stop, abort_timeout_ms))) producer_.reset();
    begin_again(std::move(group));
    return sent;
  }
  // All is there: whether it counts is the coordinator's word. A stop lets it speak.
  const Status committed = producer_->commit(
      stop.stop_requested() ? Deadline({}, stop_timeout_ms)
                            : Deadline(stop, options_.timeout_ms + stop_timeout_ms));
  if (!committed) {
    producer_.reset();
    doubt_ = std::move(group);
    return committed;
  }
  finish(group);
  return {};
}

/// What waits, in order, as much as a transaction takes. A producer's second batch waits until its
/// first is settled, which may be the same one.
LogWriter::Group LogWriter::take_group() {
  Group group;
  std::size_t bytes = 0;
  std::lock_guard lock(mutex_);
  while (!queue_.empty() && bytes < group_bytes_max && group.size() < group_batches_max) {
    const auto& next = queue_.front();
    const auto same_producer = [&](const auto& other) {
      return next->producer && other->producer && other->producer->id == next->producer->id;
    };
    if (!group.empty() && (next->alone || std::ranges::any_of(group, same_producer))) break;
    if (const auto lost = next->log.lost()) {
      next->result = std::unexpected(*lost);
      next->state = Append::State::done;
    } else if (!answer_known(*next)) {
      next->state = Append::State::read;
      bytes += next->bytes;
      group.push_back(next);
    }
    queue_.pop_front();
    if (!group.empty() && group.back()->alone) break;
  }
  changed_.notify_all();
  return group;
}

/// Whether the batch needs no writing: it is there, or never will be. The lock is held.
bool LogWriter::answer_known(Append& append) {
  if (!append.producer) return false;
  auto known = append.log.known(*append.producer, static_cast<std::int32_t>(append.records.size()));
  if (known && !*known) return false;
  append.result = known ? Result<log::AppendResult>(**known) : std::unexpected(known.error());
  append.state = Append::State::done;
  return true;
}

Status LogWriter::send(Group& group, const Deadline& deadline) {
  Status status;
  for (const auto& append : group) {
    if (status) status = send_batch(*append, deadline);
  }
  {
    std::lock_guard lock(mutex_);
    for (const auto& append : group) append->state = Append::State::sent;
  }
  changed_.notify_all();
  return status;
}

Status LogWriter::send_batch(Append& append, const Deadline& deadline) {
  append.now = system_clock().now_ms();
  append.first = append.last = -1;
  append.failed.reset();
  const KafkaLog& log = append.log;
  const Producer::Target target{
      LEAT_TRY(producer_->topic(log.place().first, {{"compression.codec", log.compression()}})),
      log.place().second};
  const auto address = reinterpret_cast<std::uintptr_t>(&append);
  std::string tag;
  std::vector<RecordHeader> headers;
  for (std::size_t i = 0; i < append.records.size(); ++i) {
    const log::NewRecord& record = append.records[i];
    const bool last = i + 1 == append.records.size();
    headers.clear();
    for (const auto& [name, value] : record.headers) {
      headers.push_back({name, value.data() == nullptr ? std::nullopt : std::optional(value)});
    }
    if (last && append.producer) {
      tag = BatchTag{*append.producer, static_cast<std::int32_t>(append.records.size())}.text();
      headers.push_back({batch_header, tag});
    }
    Message message = message_of(record, append.now);
    message.header_count = static_cast<std::uint32_t>(headers.size());
    if (last) append.print = Fingerprint::of(message.timestamp_ms, message.value);
    const std::uintptr_t number = address | (i == 0 ? is_first : 0) | (last ? is_last : 0);
    append.failed = LEAT_TRY(producer_->send(target, message, headers.data(), number, deadline));
    if (append.failed) return {};  // which is learnt from later
  }
  return {};
}

void LogWriter::on_delivered(std::uintptr_t number, std::int64_t offset) {
  auto* const append = reinterpret_cast<Append*>(number & ~(is_first | is_last));
  if ((number & is_first) != 0) append->first = offset;
  if ((number & is_last) != 0) append->last = offset;
}

/// A batch that the cluster does not take spoils the transaction for all, which is what `true`
/// says. Those that may be at fault are tried again alone, and then it is known. An Error is an
/// outage.
Result<bool> LogWriter::learn_from_failures(Group& group) {
  for (const FailedMessage& failed : producer_->take_failed()) {
    auto* const append = reinterpret_cast<Append*>(failed.number & ~(is_first | is_last));
    if (!append->failed) append->failed = failed.why;
  }
  bool spoilt = false;
  for (const auto& append : group) {
    if (!append->failed) continue;
    const Error error = producer_->client().error(
        *append->failed,
        fmt::format("topic {} does not take the records", append->log.place().first));
    if (Client::may_pass(*append->failed)) return std::unexpected(error);
    spoilt = true;
    if (append->alone && FailedMessage{0, *append->failed}.is_refusal()) {
      answer(*append, user_error("record-refused", "{}", error.message));
    } else if (append->alone) {
      answer(*append, std::unexpected(error));
    }
    append->alone = true;
  }
  return spoilt;
}

/// Nothing of the group is written, nor will be.
void LogWriter::begin_again(Group group) {
  std::lock_guard lock(mutex_);
  for (auto append = group.rbegin(); append != group.rend(); ++append) {
    if ((*append)->abandoned || (*append)->state == Append::State::done) continue;
    (*append)->state = Append::State::queued;
    queue_.push_front(std::move(*append));
  }
}

void LogWriter::finish(Group& group) {
  std::vector<KafkaLog*> logs;
  for (const auto& append : group) {
    const auto count = static_cast<std::int32_t>(append->records.size());
    const log::AppendResult at{.first = Offset(append->first), .last = Offset(append->last)};
    append->log.written(at, append->producer, count, append->now, append->print);
    answer(*append, at);
    if (std::ranges::find(logs, &append->log) == logs.end()) logs.push_back(&append->log);
  }
  for (KafkaLog* log : logs) on_written_(*log);
}

void LogWriter::answer(Append& append, Result<log::AppendResult> result) {
  {
    std::lock_guard lock(mutex_);
    if (append.state == Append::State::done) return;
    append.result = std::move(result);
    append.state = Append::State::done;
  }
  changed_.notify_all();
}

void LogWriter::note_failure(const Error& error, const std::stop_token& stop) {
  if (is_shut_out(error)) {
    return end(external_error("log-fenced",
                              "kafka {}: another process writes with the id {}: it runs on a copy "
                              "of this data directory. End one of them, and start this one again",
                              options_.connection.brokers, options_.transactional_id)
                   .error());
  }
  if (failures_ == 0) spdlog::error("log: {}", error.message);
  std::unique_lock lock(mutex_);
  trouble_ = error;
  // What can't pass by itself is told at once.
  if (!error.retryable) {
    for (const auto& append : queue_) {
      append->result = std::unexpected(error);
      append->state = Append::State::done;
    }
    queue_.clear();
    changed_.notify_all();
  }
  changed_.wait_for(lock, stop, std::chrono::milliseconds(backoff_.wait_ms(failures_++)),
                    [] { return false; });
}

/// Brokers also shut a producer out whose transaction lasted too long, or when a coordinator
/// changes; somebody else does it again and again.
bool LogWriter::is_shut_out(const Error& error) {
  const auto now = std::chrono::steady_clock::now();
  if (error.code != "kafka-fenced" ||
      now - begun_ > std::chrono::milliseconds(options_.timeout_ms)) {
    return false;
  }
  std::erase_if(shut_out_at_, [&](const auto time) { return now - time > shut_out_memory; });
  shut_out_at_.push_back(now);
  return shut_out_at_.size() >= shut_out_max;
}

void LogWriter::end(const Error& why) {
  std::lock_guard lock(mutex_);
  if (!ended_) ended_ = why;
  const auto give_up = [&](const std::shared_ptr<Append>& append) {
    if (append->state == Append::State::done) return;
    append->result = std::unexpected(*ended_);
    append->state = Append::State::done;
  };
  std::ranges::for_each(queue_, give_up);
  std::ranges::for_each(doubt_, give_up);
  queue_.clear();
  doubt_.clear();
  changed_.notify_all();
}

}  // namespace leat::connector::kafka
