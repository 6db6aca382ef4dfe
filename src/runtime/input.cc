#include "runtime/input.h"

#include <spdlog/spdlog.h>

namespace leat::runtime {

LogInput::LogInput(std::string topic, Partition partition, log::PartitionLog& log)
    : InputPartition(std::move(topic), fmt::format("{}", partition), partition), log_(log) {
  position_ = log.first_offset();
}

Status LogInput::seek(Offset position) {
  if (position > log_.next_offset()) {
    return external_error(
        "log-behind-commit",
        "partition {} ends at offset {}, but offset {} was already processed: segment files are "
        "missing, or a topic on a cluster was made again; restore them, or start with an empty "
        "data directory",
        id(), log_.next_offset(), position);
  }
  position_ = position;
  skip_removed();
  return {};
}

/// Retention may have overtaken a reader that lags: what is gone is gone, reading goes on behind.
void LogInput::skip_removed() {
  const Offset first = log_.first_offset();
  if (position_ >= first) return;
  const auto removed = static_cast<std::uint64_t>(first - position_);
  missed_ += removed;
  spdlog::warn(
      "topic {}: retention removed {} records of partition {} (offsets {} to {}) before they were "
      "read, so streams and views are without them; raise the topic's `retention` to more than its "
      "readers ever lag behind",
      topic(), removed, number(), position_, first + -1);
  position_ = first;
}

Result<InputPartition::Outcome> LogInput::read(Slice& slice, std::size_t bytes_max) {
  skip_removed();
  Status done = log_.read(position_, bytes_max, slice);
  if (!done && position_ < log_.first_offset()) {  // removed in this very moment
    skip_removed();
    done = log_.read(position_, bytes_max, slice);
  }
  if (!done && done.error().retryable) return note_failure(done.error());
  if (!done) return std::unexpected(done.error());
  failures_ = 0;
  position_ = std::max(position_, slice.next);
  return slice.records.empty() ? Outcome::nothing : Outcome::records;
}

InputPartition::Outcome LogInput::note_failure(const Error& error) {
  if (failures_ == 0) spdlog::warn("topic {}: {}", topic(), error.message);
  ask_again_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(backoff_.wait_ms(failures_++));
  return Outcome::nothing;
}

bool LogInput::may_have_data() const {
  if (position_ >= log_.durable_offset()) return false;
  return failures_ == 0 || std::chrono::steady_clock::now() >= ask_again_;
}

std::uint64_t LogInput::lag() const {
  const Offset end = log_.next_offset();
  return end > position_ ? static_cast<std::uint64_t>(end - position_) : 0;
}

ReaderInput::ReaderInput(std::string topic, Partition number,
                         std::unique_ptr<connector::PartitionReader> reader, Setup setup)
    : InputPartition(std::move(topic), reader->name(), number),
      setup_(std::move(setup)),
      backoff_(setup_.retry_first.count(), setup_.retry_max.count()),
      reader_(std::move(reader)) {
  position_ = reader_->start();
  tells_ = reader_->tell_when_ready([this] {
    told_ = true;
    setup_.bell.ring();
  });
}

ReaderInput::~ReaderInput() {
  if (failures_ > 0) --setup_.status.partitions_failing;
}

Status ReaderInput::seek(Offset position) {
  LEAT_TRY(reader_->seek(position));
  position_ = position;
  return {};
}

Result<InputPartition::Outcome> ReaderInput::read(Slice& slice, std::size_t bytes_max) {
  told_ = false;
  const Result<Outcome> outcome = reader_->read(slice, bytes_max);
  if (!outcome) return note_failure(outcome.error());
  note_success();
  switch (*outcome) {
    case Outcome::records:
      position_ = slice.next;
      show("reading");
      setup_.status.records += slice.records.size();
      setup_.status.bytes += slice.bytes.size() - std::min(slice.bytes.size(), slice_padding);
      break;
    case Outcome::nothing:
      ask_again_ = std::chrono::steady_clock::now() + (tells_ ? poll_interval_told : poll_interval);
      show("waiting");
      break;
    case Outcome::ended:
      ended_ = true;
      show("ended");
      break;
  }
  return *outcome;
}

/// One partition's failure stays in sight while others are read.
void ReaderInput::show(const char* state) {
  if (setup_.status.partitions_failing == 0) setup_.status.set_state(state);
}

void ReaderInput::note_success() {
  answered_ = true;
  if (failures_ == 0) return;
  failures_ = 0;
  if (--setup_.status.partitions_failing == 0) setup_.status.set_error("");
}

/// One partition that can't be read does not stop the others. What may pass is waited for; what
/// somebody has to mend ends the partition, visibly.
InputPartition::Outcome ReaderInput::note_failure(Error error) {
  const auto now = std::chrono::steady_clock::now();
  connector::SourceStatus& status = setup_.status;
  ++status.failures;
  status.set_error(error.message);
  if (failures_ == 0) {
    ++status.partitions_failing;
    failing_since_ = now;
    spdlog::error("source {}: {}", setup_.source, error.message);
  }
  const bool patient = !setup_.patience || now - failing_since_ < *setup_.patience;
  if (error.retryable && patient) {
    ask_again_ = now + std::chrono::milliseconds(backoff_.wait_ms(failures_++));
    ++status.retries;
    status.set_state("retrying");
    return Outcome::nothing;
  }
  ++failures_;
  status.set_state("failed");
  failure_ = std::move(error);
  return Outcome::nothing;
}

bool ReaderInput::is_behind() const {
  if (ended_ || failure_) return false;
  return lag() > 0 || failures_ > 0 || !answered_;
}

bool ReaderInput::may_have_data() const {
  if (ended_ || failure_) return false;
  return (told_ && failures_ == 0) || std::chrono::steady_clock::now() >= ask_again_;
}

}  // namespace leat::runtime
